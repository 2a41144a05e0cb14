"""Which of our numbers a call is made as: the one nearest to the called number (local presence). Pure."""

import re
from collections.abc import Sequence

from telephony.line import LineError

_NUMBER = re.compile(r"(?:sips?:|tel:)?\+?([0-9]{3,15})(?:[@;].*)?", re.IGNORECASE)


def digits(address: str) -> str:
    """The digits of a number, or of the number in a SIP address; empty if there is none."""
    found = _NUMBER.fullmatch(address.strip())
    return found[1] if found else ""


def common_prefix(one: str, other: str) -> int:
    """How many digits both begin with."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


class CallerIds:
    """The numbers of one trunk. Those equally near to a called number take turns."""

    def __init__(self, numbers: Sequence[str]) -> None:
        self._numbers = {digits(number) or number: number for number in numbers}
        self._last_use = dict.fromkeys(self._numbers, 0)
        self._uses = 0

    def owns(self, number: str) -> bool:
        """Whether we may call as this number; written with or without the plus."""
        return (digits(number) or number) in self._numbers

    def choose(self, called: str, wanted: str = "") -> str:
        """The number to call as, as it was set up; empty if there is none: then the line chooses.

        `wanted` wins if it is ours. Raises LineError if it is not: a number of somebody else's would lie
        to the callee.
        """
        if wanted:
            if not self.owns(wanted):
                raise LineError(
                    f"caller_id {wanted[:40]!r} is none of the trunk's numbers. "
                    "Add it to caller_ids if it is yours, or leave it out"
                )
            return self._numbers[digits(wanted) or wanted]
        if not self._numbers:
            return ""
        target = digits(called)
        nearest = min(self._numbers, key=lambda own: (-common_prefix(own, target), self._last_use[own]))
        self._uses += 1
        self._last_use[nearest] = self._uses
        return self._numbers[nearest]
