"""The address of this machine that a line binds to."""

import ipaddress

from telephony.line import LineError


def check_local_address(address: str) -> None:
    """Raise LineError, with the mend, unless it is an IP address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise LineError(
            f"local_address {address[:60]!r} is no IP address. Set an address of this machine"
        ) from None
