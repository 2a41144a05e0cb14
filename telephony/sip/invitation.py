"""What may go into an INVITE. Numbers and headers come from contact files, so nothing is trusted."""

import ipaddress
import re

from telephony.call_headers import check_headers
from telephony.line import DialRequest, LineError
from telephony.sip.config import SipTrunkConfig

_URI = re.compile(
    r"sip:(?P<user>(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2}){1,64})"
    r"@(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?P<parameters>(?:;[A-Za-z0-9=.+-]{1,40}){0,4})"
)
_PARAMETERS = frozenset({"transport=udp", "transport=tcp", "transport=tls", "user=phone"})
_NUMBER = re.compile(r"\+?[0-9*#]{2,20}")


def check_request(request: DialRequest, config: SipTrunkConfig) -> None:
    """Raise LineError, naming the fault, unless the request is safe to send over this trunk."""
    uri = request_uri(request.to, config)
    if config.password and not _is_at(uri, {config.domain, config.proxy, *config.redirects}):
        # It could challenge us, and the answer helps to guess the trunk's password.
        raise LineError(
            f"{uri[:80]!r} is at another host than the trunk's, which has a password. "
            "Dial it over a trunk without one, or add the host to redirects"
        )
    check_headers(request.headers)
    if not 0 < request.ring_timeout_s <= 180:
        raise LineError(f"ring timeout {request.ring_timeout_s} s is not in 0-180 s. Set one of 15 to 60 s")
    if request.caller_id and request.caller_id not in config.caller_ids:
        # Calling as a number that is not ours is forbidden nearly everywhere.
        raise LineError(f"caller-ID {request.caller_id[:32]!r} is none of the trunk's. Add it to caller_ids")


def request_uri(to: str, config: SipTrunkConfig) -> str:
    """The SIP URI of a number at the trunk's domain, or of a URI with the trunk's transport named.

    Raises LineError for anything else.
    """
    if _NUMBER.fullmatch(to):
        user = config.number_format.format(number=to, digits=to.removeprefix("+"))
        uri = f"sip:{user.replace('#', '%23')}@{config.domain}"
    else:
        uri = to
    check_uri(uri)
    named = re.search(r";transport=([a-z]+)", uri, re.IGNORECASE)
    if named and named[1].lower() != config.transport:
        # A contact file must not take an encrypted trunk's call out in the clear.
        raise LineError(
            f"{uri[:80]!r} names another transport than the trunk's, {config.transport}. Leave it out"
        )
    return uri if named or config.transport == "udp" else f"{uri};transport={config.transport}"


def dial_headers(request: DialRequest, config: SipTrunkConfig) -> dict[str, str]:
    """The headers of the INVITE: those asked for, and who we say we are."""
    headers = dict(request.headers)
    caller_id = request.caller_id or next(iter(config.caller_ids), "")
    if config.assert_identity and caller_id:
        headers["P-Asserted-Identity"] = f"<sip:{caller_id}@{config.domain}>"
    return headers


def redirect_uri(contact: str, config: SipTrunkConfig, dialled: str) -> str | None:
    """Where a 3xx answer sends the call, if that may be followed.

    To our peer for the number that was dialled, or to a host in `redirects` for any. None for anything else:
    whoever answers could send calls to numbers that cost, or that must not be called.
    """
    try:
        uri = request_uri(contact, config)
    except LineError:
        return None
    same_user = _user(uri) == _user(request_uri(dialled, config))
    peers = {config.domain, config.proxy} if same_user else set()
    return uri if _is_at(uri, {*peers, *config.redirects}) else None


def _user(uri: str) -> str:
    found = _URI.fullmatch(uri)
    return found["user"] if found else ""


def _is_at(uri: str, hosts: set[str]) -> bool:
    """Whether the URI is at one of these; a host without a port stands for any port of it."""
    found = _URI.fullmatch(uri)
    if found is None:
        return False
    places = {found["host"].lower(), f"{found['host']}:{found['port'] or 5060}".lower()}
    return bool(places & {host.lower() for host in hosts if host})


def check_uri(uri: str) -> None:
    """Accept `sip:user@host[:port]` with `;transport=udp` or `;user=phone`, and nothing else."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise LineError(f"{uri[:80]!r} is not a SIP address. Write sip:NUMBER@HOST or sip:NUMBER@HOST:PORT")
    if found["port"] and not 0 < int(found["port"]) <= 65535:
        raise LineError(f"{uri[:80]!r} has no valid port. Use 1-65535")
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(found["host"][1:-1])
        except ValueError:
            raise LineError(f"{uri[:80]!r} has no valid IPv6 address in its brackets") from None
    for parameter in filter(None, found["parameters"].split(";")):
        # Others (maddr, method, ...) can steer the call to a place that its host does not show.
        if parameter.lower() not in _PARAMETERS:
            raise LineError(f"SIP address parameter {parameter!r} is not allowed. Leave it out")
