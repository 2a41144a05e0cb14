"""The turns of one call as they will be recorded, with the time of each stage of a reply."""

from dataclasses import dataclass, replace

from models.intent import IntentResult
from voicebot.call.result import TurnResult


@dataclass(frozen=True, slots=True)
class ReplyStages:
    """When the stages of a reply were reached, in ms on the media clock. In order, so they add up."""

    speech_ended_ms: float
    turn_over_ms: float
    transcribed_ms: float
    decided_ms: float


@dataclass(slots=True)
class _AgentTurn:
    reply: int
    turn: TurnResult
    stages: ReplyStages | None
    started: bool = False


class TurnLog:
    """Collects turns in order. `answered_ms` is the clock's time of the answer."""

    def __init__(self, answered_ms: float) -> None:
        self._answered_ms = answered_ms
        self._turns: list[TurnResult] = []
        self._agent: _AgentTurn | None = None

    @property
    def agent_open(self) -> bool:
        """True from the plan of an agent's turn to its end."""
        return self._agent is not None

    @property
    def turns(self) -> tuple[TurnResult, ...]:
        """All finished turns, by the time they began."""
        return tuple(sorted(self._turns, key=lambda turn: turn.start_ms))

    def customer(
        self,
        start_ms: float,
        end_ms: float,
        *,
        text: str = "",
        node: str = "",
        intent: IntentResult | None = None,
        asr_mode: str = "",
        digits: str = "",
        goes_on: bool = False,
    ) -> None:
        """The callee said or pressed something. `goes_on`: it holds the whole of the turn noted before."""
        if goes_on:
            last = max(i for i, turn in enumerate(self._turns) if turn.speaker == "customer")
            del self._turns[last]
        self._turns.append(
            TurnResult(
                speaker="customer",
                node=node,
                text=text,
                planned_text=text,
                start_ms=start_ms - self._answered_ms,
                end_ms=end_ms - self._answered_ms,
                intent=(intent.intent or "") if intent else "",
                confidence=intent.confidence if intent else None,
                asr_mode=asr_mode,
                digits=digits,
            )
        )

    def agent_plans(
        self, reply: int, node: str, text: str, answered_by: str, stages: ReplyStages | None
    ) -> None:
        """The bot decided what to say; it becomes a turn when the first sample goes out."""
        turn = TurnResult(speaker="agent", node=node, planned_text=text, answered_by=answered_by)
        self._agent = _AgentTurn(reply, turn, stages)

    def agent_adds(self, text: str, answered_by: str, at_ms: float) -> None:
        """A streamed reply grew by a sentence; deciding took until the first one was known."""
        agent = self._agent
        if agent is None:
            return
        if agent.stages and not agent.turn.planned_text:
            agent.stages = replace(agent.stages, decided_ms=at_ms)
        grown = f"{agent.turn.planned_text} {text}".strip()
        agent.turn = replace(agent.turn, planned_text=grown, answered_by=answered_by)

    def agent_starts(self, reply: int, at_ms: float) -> TurnResult | None:
        """The first sample of the reply went out; gives the turn with its latencies."""
        agent = self._agent
        if agent is None or agent.reply != reply:
            return None
        turn = replace(agent.turn, start_ms=at_ms - self._answered_ms)
        if stages := agent.stages:
            turn = replace(
                turn,
                reply_latency_ms=at_ms - stages.speech_ended_ms,
                endpoint_ms=stages.turn_over_ms - stages.speech_ended_ms,
                asr_ms=stages.transcribed_ms - stages.turn_over_ms,
                decide_ms=stages.decided_ms - stages.transcribed_ms,
                tts_ms=at_ms - stages.decided_ms,
            )
        agent.turn = turn
        agent.started = True
        return turn

    def agent_stops(self, at_ms: float, heard: str, *, interrupted: bool) -> None:
        """The bot fell silent: keep the words that were heard. A reply never begun is no turn."""
        agent, self._agent = self._agent, None
        if agent and agent.started:
            end_ms = at_ms - self._answered_ms
            self._turns.append(replace(agent.turn, text=heard, end_ms=end_ms, interrupted=interrupted))
