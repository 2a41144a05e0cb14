"""Phone numbers as reports, terminals and logs may show them."""

SHOWN_DIGITS = 4


def mask_number(number: str) -> str:
    """Last four digits only: '+15550100123' -> '···0123'. Short numbers show nothing."""
    digits = "".join(character for character in number if character.isdigit())
    if len(digits) <= SHOWN_DIGITS:
        return "···" if number else ""
    return f"···{digits[-SHOWN_DIGITS:]}"
