"""What a simulated person decides. Pure: it is told what happens and when, and answers what to do.

Nothing here depends on how long recognition or the network took: every choice comes from the seed,
the number, the attempt and what was said, so that two runs of a campaign decide alike.
"""

import random
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

from voicebot.simulation.persona import Action, Human, Otherwise, Persona, Span

NEXT_DEED_AFTER_MS = 300.0
BEEP_AFTER_GREETING_MS = 400.0


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a line. A mere 'mm-hm' and a voicemail's greeting expect no reply."""

    text: str
    expects_reply: bool = True


@dataclass(frozen=True, slots=True)
class Beep:
    """The voicemail's tone."""


@dataclass(frozen=True, slots=True)
class Press:
    """Send telephone keys."""

    digits: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


Deed = Say | Beep | Press | HangUp


class _VoidIf(Enum):
    """What makes a plan void before its time comes."""

    NEVER = auto()
    BOT_STARTS = auto()
    BOT_STOPS = auto()


@dataclass(frozen=True, slots=True)
class _Plan:
    at_ms: float
    deed: Deed
    void_if: _VoidIf
    then: tuple[Deed, ...] = ()
    rule: str = ""


class Mind:
    """One person during one call. All times are milliseconds since the answer and must not decrease.

    After each deed that `due` returns (but HangUp), `finished` must be told when it is over. After each
    `bot_stopped` there must be one `heard`, in order.
    """

    def __init__(self, persona: Persona, human: Human, *, seed: int, attempt: int) -> None:
        self._persona = persona
        self._human = human
        self._key = f"{seed}/{human.number}/{attempt}"
        self._plans: list[_Plan] = []
        self._used: Counter[str] = Counter()
        self._then: tuple[Deed, ...] = ()
        self._busy = False
        self._over = False
        self._turns = 0
        self._bot_speaks = False
        self._bot_has_the_floor = False
        self._bot_turn = 0
        self._unheard = 0
        self._stale = 0
        """How many of the texts still to come belong to speech that this person has talked over."""
        self._unanswered: list[str] = []
        self._quiet_since = 0.0
        if persona.opening:
            line = Say(self._pick("opening", persona.opening), expects_reply=not persona.voicemail)
            at_ms = self._between("opening", (300, 900))
            if persona.voicemail:
                self._plans.append(_Plan(at_ms, line, _VoidIf.NEVER, (Beep(),)))
            else:
                self._plans.append(_Plan(at_ms, line, _VoidIf.BOT_STARTS))

    def bot_started(self, now_ms: float) -> None:
        """The bot became audible after a silence."""
        self._bot_speaks = True
        self._drop(_VoidIf.BOT_STARTS)
        if self._bot_has_the_floor:
            return
        self._bot_has_the_floor = True
        self._bot_turn += 1
        for index, interjection in enumerate(self._persona.interjections):
            if interjection.turn == self._bot_turn:
                text = self._pick(f"interjection {index}", interjection.says)
                deed = Say(text, expects_reply=not interjection.backchannel)
                self._plans.append(_Plan(now_ms + interjection.after_ms, deed, _VoidIf.BOT_STOPS))

    def bot_stopped(self, now_ms: float) -> None:
        """The bot has been silent for long enough to be done; `heard` follows with its words."""
        self._bot_speaks = False
        self._quiet_since = now_ms
        self._unheard += 1
        self._drop(_VoidIf.BOT_STOPS)

    def heard(self, text: str, now_ms: float) -> None:
        """What the bot was understood to say; empty when nothing was."""
        self._unheard -= 1
        self._quiet_since = max(self._quiet_since, now_ms)
        if self._stale:
            self._stale -= 1
        elif text.strip():
            self._unanswered.append(text.strip())
        self._consider(now_ms)

    def finished(self, now_ms: float) -> None:
        """The last deed is over: the line was spoken, the keys were sent."""
        self._busy = False
        self._quiet_since = now_ms
        if self._then:
            deed, *rest = self._then
            pause = BEEP_AFTER_GREETING_MS if isinstance(deed, Beep) else NEXT_DEED_AFTER_MS
            self._plans.append(_Plan(now_ms + pause, deed, _VoidIf.NEVER, tuple(rest)))
            self._then = ()
        self._consider(now_ms)

    def due(self, now_ms: float) -> Deed | None:
        """The deed whose time has come, if any. Call it on every tick."""
        if self._over:
            return None
        if now_ms >= self._persona.patience.call_s * 1000:
            return self._begin(_Plan(now_ms, HangUp(), _VoidIf.NEVER))
        if self._busy:
            return None
        self._mind_the_silence(now_ms)
        for plan in self._plans:
            if plan.at_ms <= now_ms:
                self._plans.remove(plan)
                return self._begin(plan)
        return None

    def _begin(self, plan: _Plan) -> Deed:
        self._busy = True
        self._then = plan.then
        self._used[plan.rule] += 1
        if isinstance(plan.deed, HangUp):
            self._over = True
        elif isinstance(plan.deed, Press) or (isinstance(plan.deed, Say) and plan.deed.expects_reply):
            self._take_the_floor()
        return plan.deed

    def _take_the_floor(self) -> None:
        """What the bot said so far is answered by this, or talked over."""
        self._turns += 1
        self._unanswered.clear()
        self._stale = self._unheard + self._bot_speaks
        self._bot_has_the_floor = False

    def _consider(self, now_ms: float) -> None:
        """Answer the bot if it is done and nothing else is under way."""
        listening = self._busy or self._bot_speaks or self._unheard or self._plans
        if listening or not self._unanswered or self._persona.voicemail:
            return
        rule, action = self._choose(" ".join(self._unanswered))
        if action is None or action.waits:
            self._used[rule] += 1
            self._unanswered.clear()
            self._bot_has_the_floor = False
            return
        use = self._used[rule]
        deeds: list[Deed] = [Say(self._pick(rule, action.says, use))] if action.says else []
        deeds += [Press(action.presses)] if action.presses else []
        deeds += [HangUp()] if action.hangs_up else []
        at_ms = now_ms + self._between(f"{rule} use {use}", action.thinks_ms)
        # Void if the bot goes on: then all of it is answered together, and the rule is not used up.
        self._plans.append(_Plan(at_ms, deeds[0], _VoidIf.BOT_STARTS, tuple(deeds[1:]), rule))

    def _choose(self, text: str) -> tuple[str, Action | None]:
        persona = self._persona
        if persona.farewell.fits(text):
            return "farewell", persona.farewell
        if self._turns >= persona.patience.turns:
            return "impatient", Otherwise(hangs_up=True)
        for index, rule in enumerate(persona.rules):
            if rule.fits(text) and self._used[f"rule {index}"] < rule.times:
                return f"rule {index}", rule
        if persona.otherwise and self._used["otherwise"] < persona.otherwise.times:
            return "otherwise", persona.otherwise
        return "nothing", None

    def _mind_the_silence(self, now_ms: float) -> None:
        patience = self._persona.patience
        waiting = self._bot_speaks or self._unheard or self._plans
        if waiting or now_ms - self._quiet_since < patience.silence_s * 1000:
            return
        self._quiet_since = now_ms
        if patience.nudge and not self._used["nudge"]:
            line = Say(self._pick("nudge", patience.nudge))
            self._plans.append(_Plan(now_ms, line, _VoidIf.BOT_STARTS, rule="nudge"))
        else:
            self._plans.append(_Plan(now_ms, HangUp(), _VoidIf.BOT_STARTS))

    def _drop(self, voided: _VoidIf) -> None:
        self._plans = [plan for plan in self._plans if plan.void_if is not voided]

    def _pick(self, key: str, lines: tuple[str, ...], use: int = 0) -> str:
        """Another line at each use, as people do who were not understood."""
        order = random.Random(f"{self._key}/{key}").sample(lines, len(lines))
        return self._human.fill(order[use % len(order)])

    def _between(self, key: str, span: Span) -> float:
        return random.Random(f"{self._key}/{key}/pause").uniform(*span)
