"""Certificates for tests, made by openssl: an authority of our own, and what it vouches for."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.system.sipp import installed


@dataclass(frozen=True)
class Certificate:
    """`file` holds certificate and key, as a SIP server wants it."""

    file: Path
    key: Path


async def _openssl(*arguments: object) -> None:
    process = await asyncio.create_subprocess_exec(
        installed("openssl", "openssl"),
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")


async def authority(folder: Path, name: str) -> Certificate:
    """One that signs itself."""
    file, key = folder / f"{name}.pem", folder / f"{name}.key"
    await _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}"),
        *("-keyout", key, "-out", file, "-addext", "basicConstraints=critical,CA:TRUE"),
    )
    return Certificate(file, key)


async def server(folder: Path, by: Certificate, names: str = "IP:127.0.0.1") -> Certificate:
    """A server's, for these names (subjectAltName), vouched for by the authority."""
    request, file, key = folder / "server.csr", folder / "server.pem", folder / "server.key"
    extensions = folder / "server.ext"
    extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
    subject = f"/CN={names.split(',')[0].split(':')[1]}"
    await _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", request)
    await _openssl(
        *("x509", "-req", "-in", request, "-CA", by.file, "-CAkey", by.key, "-CAcreateserial"),
        *("-days", 2, "-extfile", extensions, "-out", file),
    )
    file.write_text(key.read_text() + file.read_text())
    return Certificate(file, key)
