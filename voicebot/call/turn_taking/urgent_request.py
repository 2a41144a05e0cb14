"""What must not be lost though it cannot be answered yet: requests made over words that are locked. Pure."""

from collections.abc import Collection

from dialogs.flow import OPT_OUT
from dialogs.turn import Heard


class UrgentRequest:
    """Keeps the newest urgent request of a call; a wish not to be called again is kept before all."""

    def __init__(self) -> None:
        self._held: Heard | None = None
        self.opted_out = False
        """Never to be called again: a fact from the moment it is heard, whatever the dialogue makes of it."""

    def note(self, intent: str | None) -> None:
        """An intent was heard, whether or not it can be answered now."""
        self.opted_out = self.opted_out or intent == OPT_OUT

    def hold(self, heard: Heard, urgent: Collection[str]) -> None:
        """Keep it until it can be answered, if its intent is one of `urgent`."""
        keeps_opt_out = self._held is not None and self._held.intent == OPT_OUT
        if heard.intent in urgent and not keeps_opt_out:
            self._held = heard

    def take(self) -> Heard | None:
        """It can be answered now."""
        held, self._held = self._held, None
        return held
