"""The engines that all calls of a process share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.asr import Recogniser
from models.end_of_turn import EndOfTurnDetector
from models.intent import IntentClassifier
from models.llm import ChatModel
from models.tts import Speaker
from voicebot.call.reply.asking_ahead import AheadLimit


@dataclass(frozen=True, slots=True)
class Engines:
    """What hears, decides and speaks. `chat` is None when no model server is configured."""

    recogniser: Recogniser
    classifier: IntentClassifier
    speaker: Speaker
    chat: ChatModel | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """Engine kind -> name and version, kept with every call."""
    end_of_turn: EndOfTurnDetector | None = None
    """None: only silence and words tell that a turn is over."""
    ahead: AheadLimit | None = None
    """None: `chat` is asked only when a turn is over."""
