"""When it pays to decode an utterance that is still going on. Pure: time and load are inputs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartialLimits:
    """How much may be spent on words that will be decoded again."""

    after_ms: float = 1200.0
    """Shorter utterances are over before their first words would help."""
    every_ms: float = 1000.0
    most: int = 5
    """In one utterance."""
    longest_wait_s: float = 0.005
    """Only while the recogniser has next to nothing to do: a turn that is over always goes first."""
    share: float = 0.2
    """At most this part of the time is spent on it, so that a slow recogniser decodes less often."""


class PartialSchedule:
    """Decides for one utterance."""

    def __init__(self, limits: PartialLimits = PartialLimits()) -> None:
        self._limits = limits
        self._done = 0
        self._next_ms = limits.after_ms

    def due(self, speech_ms: float, expected_wait_s: float) -> bool:
        """Whether to decode what was said in `speech_ms` of talking."""
        limits = self._limits
        return (
            self._done < limits.most
            and speech_ms >= self._next_ms
            and expected_wait_s <= limits.longest_wait_s
        )

    def decoded(self, speech_ms: float, took_ms: float) -> None:
        """A decoding that began at `speech_ms` took so long."""
        self._done += 1
        self._next_ms = speech_ms + max(self._limits.every_ms, took_ms / self._limits.share)
