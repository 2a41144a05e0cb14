"""When the bot greets: after the callee's hello, or when they had the time to say it."""

from dataclasses import dataclass

from voicebot.call.reply.replying import Replying


@dataclass(frozen=True, slots=True)
class GreetingDue:
    """The callee has had the time to say hello; `last` is the latest moment to speak or decide."""

    last: bool = False


class Greeting:
    """Knows how long the greeting of one call can wait."""

    def __init__(self, bot: Replying) -> None:
        self._bot = bot
        self._due = False
        self._overdue = False

    def falls_due(self, *, last: bool) -> None:
        """`GreetingDue` has come."""
        self._due = True
        self._overdue = last

    @property
    def due(self) -> bool:
        """The bot greets unless somebody is saying something."""
        return self._due and not self._bot.greeted

    @property
    def overdue(self) -> bool:
        """The callee had time enough: the next words bring the greeting, whoever goes on speaking."""
        return self._overdue and not self._bot.greeted
