"""Every knob, typed: from the environment (VOICEBOT_...) or a YAML file named by --settings."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from dialogs.problem import InputError, Problem
from voicebot.bridge_settings import PROVIDERS, BridgeSettings
from voicebot.trunk_settings import TrunkSettings

LineName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$", max_length=31)]

_SECRET = re.compile("password|key|secret|token")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointingSettings(_Section):
    """When a turn of the callee begins and ends."""

    start_probability: float = Field(default=0.5, gt=0, lt=1)
    stop_probability: float = Field(default=0.35, gt=0, lt=1)
    start_ms: int = Field(default=96, gt=0)
    """Speech this long starts an utterance."""
    speculate_ms: int = Field(default=160, gt=0)
    """Silence after which the utterance so far is transcribed and classified; more if that is busy."""
    commit_ms: int = Field(default=200, gt=0)
    """Least silence that ends a turn, however sure its words: people breathe."""
    complete_end_ms: int = Field(default=400, gt=0)
    """Silence that ends a turn that was not understood, but sounded finished."""
    short_end_ms: int = Field(default=440, gt=0)
    """Silence that ends an understood turn of one or two words, or a value without a sure intent."""
    least_end_ms: int = Field(default=480, gt=0)
    """`end_ms` of a caller who was heard to pause briefly."""
    end_ms: int = Field(default=640, gt=0)
    """Silence that ends a turn whatever was understood, before the caller's own pauses are known."""
    most_end_ms: int = Field(default=960, gt=0)
    """`end_ms` of a caller who was heard to pause long, and of a turn that sounded unfinished."""
    dictation_end_ms: int = Field(default=1200, gt=0)
    """The same while a number, an address or a long answer is said."""
    longest_ms: int = Field(default=20_000, gt=0)
    """Watchdog: a turn ends here even if the speech does not."""
    end_of_turn: bool = False
    """Ask a network whether an utterance sounds finished (docs/bench.md says how well it can tell)."""
    complete_probability: float = Field(default=0.9, gt=0, lt=1)
    """From here on the end-of-turn detector counts as sure that the speaker has finished."""
    incomplete_probability: float = Field(default=0.1, gt=0, lt=1)
    """Up to here it counts as sure that the speaker has not."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop_probability > self.start_probability:
            raise ValueError("stop_probability must not be above start_probability")
        if self.incomplete_probability > self.complete_probability:
            raise ValueError("incomplete_probability must not be above complete_probability")
        for ends in (
            ("speculate_ms", "least_end_ms", "end_ms", "most_end_ms", "dictation_end_ms", "longest_ms"),
            ("commit_ms", "short_end_ms", "end_ms"),
            ("commit_ms", "complete_end_ms", "end_ms"),
        ):
            values = [getattr(self, name) for name in ends]
            if values != sorted(values):
                raise ValueError(f"must grow: {', '.join(ends)}")
        return self


class BargeInSettings(_Section):
    """What may interrupt the bot."""

    speech_ms: int = Field(default=480, gt=0)
    """Speech this long stops the prompt at once; shorter speech stops it if its words ask for it."""
    speech_ms_after_false_stops: int = Field(default=960, gt=0)
    """The same for the rest of a prompt that was stopped twice for nothing."""
    least_echo_loss_db: float = Field(default=6.0, ge=0, le=40)
    """Our voice comes back at least so much weaker; how much on this line is learned in its first second."""
    fewest_words: int = Field(default=2, gt=0)
    """Fewer words than this that nothing understands are a noise, not a turn."""
    answer_window_ms: int = Field(default=600, gt=0)
    """With less than this left to say, even a "yeah" is an answer and not a backchannel."""


class RecogniserSettings(_Section):
    """How speech recognition runs."""

    device: Literal["cpu", "cuda"] = "cpu"
    compute_type: Literal["int8", "int8_float32", "int8_float16", "float16", "float32"] = "int8"
    max_batch: int = Field(default=4, ge=1, le=64)
    """Utterances of different callers in one run."""
    processes: int = Field(default=1, ge=1, le=8)
    """Each has the whole network and runs batches of its own."""


class ModelServerSettings(_Section):
    """The served chat model; off while `url` is empty."""

    url: str = ""
    """OpenAI-compatible endpoint, e.g. http://127.0.0.1:8000/v1."""
    model: str = ""
    api_key: str = Field(default="", repr=False)
    first_clause_s: float = 1.5
    """Turn budget: without a first clause by then the script's own answer is spoken."""
    ask_ahead: bool = True
    """Ask at the first pause already, and drop the answer if the customer goes on."""
    ahead_at_once: int = Field(default=16, gt=0)
    """So many requests may be under way ahead of the end of their turns, over all calls of a process."""


class Settings(BaseSettings):
    """All settings of the service. Environment wins over the file; nested names join with `__`."""

    model_config = SettingsConfigDict(
        env_prefix="VOICEBOT_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    database: str = "sqlite:///voicebot.db"
    weights: Path = Path.home() / ".cache" / "voicebot" / "weights"
    cache: Path = Path.home() / ".cache" / "voicebot"
    """Rendered prompts and embedded examples."""
    recordings: Path = Path("out/recordings")
    recording_format: Literal["wav", "opus"] = "wav"
    """WAV is what every tool reads, and bit for bit what was heard; Ogg Opus takes an eighth of the space."""
    comfort_noise_dbov: int | None = Field(default=None, ge=-90, le=-40)
    """Level of a faint noise that is sent while the bot is silent; none sends nothing."""
    trunks: Annotated[dict[LineName, TrunkSettings], Field(min_length=1)] = {"main": TrunkSettings()}
    """SIP trunks by name: calls go out through the first by priority that can take them."""
    bridges: dict[LineName, BridgeSettings] = {}
    """WebSocket bridges to Asterisk, FreeSWITCH, Twilio, jambonz or a browser, by name."""
    ring_timeout_s: float = Field(default=30.0, gt=0, le=180)
    """How long `voicebot call` lets it ring; a campaign file has its own."""
    endpointing: EndpointingSettings = EndpointingSettings()
    barge_in: BargeInSettings = BargeInSettings()
    recogniser: RecogniserSettings = RecogniserSettings()
    model_server: ModelServerSettings = ModelServerSettings()
    mandarin_voice: Path | None = None
    """A Piper voice (.onnx, its .onnx.json beside it) that speaks Mandarin instead of Kokoro."""
    longest_call_s: float = Field(default=300.0, gt=0)
    """A call is hung up after this long whatever happens."""
    engine_nice: int = Field(default=5, ge=0, le=19)
    """How far engine processes step back behind the media clock."""


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings. Raises InputError naming the key and the mend."""
    environment = _read_environment()
    if file is None:
        return _checked({}, environment, None)
    # Values given to the constructor would win over the environment; the file must not. Each may hold
    # half of a bridge, the password here and the rest there: only both together can be checked.
    return _checked(_merge(_read_file(file), environment), environment, file)


def _read_environment() -> dict[str, object]:
    """What the environment sets, unchecked. Raises InputError for names that set nothing, and bad lists."""
    problems = []
    for name in sorted(name for name in os.environ if name.upper().startswith("VOICEBOT_")):
        first = name[len("VOICEBOT_") :].split("__")[0].lower()
        if first not in Settings.model_fields:
            near = difflib.get_close_matches(first, Settings.model_fields, 1)
            mend = f"Did you mean VOICEBOT_{near[0].upper()}" if near else "Unset it"
            problems.append(Problem("environment", 0, f"{name} is no setting", mend))
    if problems:
        raise InputError(problems)
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        where = f"VOICEBOT_{named[1].upper()}..." if named else "a variable VOICEBOT_..."
        message, mend = (
            f"{where} holds a list or a mapping that is not JSON",
            """Write it as '["opus", "pcmu"]'""",
        )
        raise InputError([Problem("environment", 0, message, mend)]) from None


def _checked(values: dict[str, object], environment: dict[str, object], file: Path | None) -> Settings:
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError([_problem(environment, file, fault) for fault in error.errors()]) from None


def _read_file(file: Path) -> dict[str, object]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        values = YAML(typ="safe").load(file)
    except OSError as error:
        raise InputError(
            [Problem(str(file), 0, f"cannot be read: {error.strerror}", "Name an existing file")]
        ) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise InputError(
            [Problem(str(file), line, f"not YAML: {error.problem}", "Mend the syntax")]
        ) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError([Problem(str(file), 1, "not a mapping of settings", "Write `key: value` lines")])
    return values


def _merge(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _holds(values: object, place: list[str]) -> bool:
    for key in place:
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return not isinstance(values, dict)


def _problem(environment: dict[str, object], file: Path | None, fault: object) -> Problem:
    assert isinstance(fault, dict)
    place = [str(part) for part in fault["loc"]]
    if place[0] == "bridges" and len(place) > 2 and place[2] in PROVIDERS:
        del place[2]  # It says which kind of bridge was tried, and is no key.
    path = ".".join(place)
    variable = "VOICEBOT_" + "__".join(place).upper()
    message = str(fault["msg"])
    if fault["type"].startswith("union_tag"):
        message = f"`provider` must be one of {', '.join(PROVIDERS)}"
        if file is None:
            # Passwords live in the environment, the rest in a file that this command was not told of.
            mend = f"Name the file with the rest by --settings, or unset {variable}__..."
            return Problem("environment", 0, f"setting `{path}`: {message}", mend)
    elif fault["type"] == "string_type" and not isinstance(fault.get("input"), dict):
        message = "must be text: write it in quotes"
    elif fault["type"] == "tuple_type":
        message = "must be a list, such as [a, b]"
    elif fault["type"] == "extra_forbidden":
        message = "there is no such setting"
    elif fault["type"] == "missing":
        message = "is missing"
    message = message.removeprefix("Value error, ")
    # What an unknown key holds may be a misspelt password, and a mapping may hold one.
    value = fault.get("input")
    secret = fault["type"] == "extra_forbidden" or _SECRET.search(path) or isinstance(value, dict)
    got = "" if secret else f" (got {value!r})"
    return Problem(
        str(file) if file and not _holds(environment, place) else "environment",
        0,
        f"setting `{path}`: {message[0].lower()}{message[1:]}{got}",
        f"Change `{path}` in the settings file or {variable} in the environment",
    )
