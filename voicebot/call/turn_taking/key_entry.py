"""Keys that the callee presses one after the other, until they are an answer. Pure."""


class KeyEntry:
    """The keys pressed since the last answer."""

    def __init__(self) -> None:
        self._digits = ""

    def press(self, digit: str, wanted: int) -> str:
        """Add a key. All of them once there are `wanted`, nothing before; 0 wants none."""
        if not wanted:
            return ""
        self._digits += digit
        return self._digits if len(self._digits) >= wanted else ""

    def clear(self) -> None:
        """The callee answered: what was begun is void."""
        self._digits = ""
