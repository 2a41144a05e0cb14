"""Digest challenges and registration, against sipp. The digest is computed here, apart from any SIP stack."""

import re
from hashlib import md5
from pathlib import Path

import pytest

from telephony.line import DialRequest, EndKind, LineError
from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.sipp import called_party

ACCOUNT = {"user": "alice", "login": "alice-login", "password": "wonder land"}


def proves_the_password(message: str, header: str) -> bool:
    """Whether the request's digest (RFC 2617, MD5, with or without qop) is that of the account."""
    (line,) = re.findall(rf"^{header}: Digest (.*)$", message, re.MULTILINE)
    fields = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', line)
    said: dict[str, str] = {name: quoted or plain for name, quoted, plain in fields}
    assert said["username"] == ACCOUNT["login"]
    identity = digest(f"{said['username']}:{said['realm']}:{ACCOUNT['password']}")
    request = digest(f"{message.split()[0]}:{said['uri']}")
    between = [said["nc"], said["cnonce"], said["qop"]] if "qop" in said else []
    return said["response"] == digest(":".join([identity, said["nonce"], *between, request]))


def digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("status", "challenge", "reply_header"),
    [
        ("401 Unauthorized", "WWW-Authenticate", "Authorization"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
async def test_a_challenge_is_answered_with_the_password(
    tmp_path: Path, status: str, challenge: str, reply_header: str
) -> None:
    async with (
        started_trunk(**ACCOUNT) as trunk,
        called_party(
            "challenge", tmp_path, status=status, challenge=challenge, reply_header=reply_header
        ) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.finished()
        first, second = peer.received("INVITE")
        assert f"{reply_header}:" not in first
        assert proves_the_password(second, reply_header)


async def test_a_password_that_is_not_believed_ends_the_call(tmp_path: Path) -> None:
    async with (
        started_trunk(**ACCOUNT) as trunk,
        called_party("challenge_in_vain", tmp_path) as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert (ended.kind, ended.status) == (EndKind.NETWORK_BLOCKED, 403)
        await peer.finished()


async def test_a_trunk_registers_with_its_password_and_takes_leave(tmp_path: Path) -> None:
    async with called_party("register", tmp_path) as peer:
        async with started_trunk(**ACCOUNT, domain=peer.host, register_s=60):
            _, second = peer.received("REGISTER")
            assert proves_the_password(second, "Authorization")
        await peer.finished()


async def test_a_refused_registration_is_told_at_the_start(tmp_path: Path) -> None:
    async with called_party("register_refused", tmp_path) as peer:
        with pytest.raises(LineError, match="403"):
            async with started_trunk(**ACCOUNT, domain=peer.host, register_s=60):
                pass
        await peer.finished()
