"""`voicebot bench asr`: errors and cost of each way to run the recogniser, on telephone audio; throughput."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from models.asr import Transcript, Utterance
from models.asr.service import MULTILINGUAL_WEIGHTS, serve_whisper, weights_for
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.registry.catalogue import weights_path
from voicebot.bench.asr_report import AsrReport, ErrorRateRow, ThroughputRow
from voicebot.bench.asr_table import error_table, throughput_table
from voicebot.bench.error import BenchError
from voicebot.bench.line_conditions import conditions
from voicebot.bench.machine import load_average, this_machine
from voicebot.bench.synthetic_speech import say, sentences
from voicebot.reports.spoken_form import tokens
from voicebot.reports.statistics import ratio_interval
from voicebot.settings import RecogniserSettings, Settings

HINTS = {
    "en": ("discount", "voucher", "delivery", "furniture", "supplier"),
    "zh": ("优惠券", "快递", "合同", "售后服务"),
}
_LINE = "mu-law"
_LONGEST_S = 120.0
_MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class AsrBench:
    """What to measure."""

    language: str
    batches: str
    processes: str
    weights: str = ""
    """Errors of this network alone; of the language's own and the multilingual one if not given."""
    sentences: int | None = None
    """Only so many, to be quicker."""


def run_asr_bench(wanted: AsrBench, settings: Settings, json_file: Path | None, console: Console) -> None:
    """Measure, print the tables, write the JSON. Raises BenchError for what it cannot use."""
    sizes, counts = _numbers("--batch", wanted.batches, 64), _numbers("--processes", wanted.processes, 8)
    language = wanted.language
    texts = sentences(language)[: wanted.sentences]
    networks = dict.fromkeys((weights_for(language), MULTILINGUAL_WEIGHTS))
    if wanted.weights and wanted.weights not in networks:
        raise BenchError(f"--weights {wanted.weights!r} is none of {', '.join(networks)}")
    speech = asyncio.run(say(texts, language, settings))
    spoken = [each.samples for each in speech]
    lines = {
        name: [make(samples, seed) for seed, samples in enumerate(spoken)]
        for name, make in conditions(spoken).items()
    }
    load = load_average()
    said = [tokens(text, language) for text in texts]
    errors = tuple(
        row
        for weights in ([wanted.weights] if wanted.weights else networks)
        for row in _errors(weights, language, said, lines, settings)
    )
    console.print(error_table(errors))
    utterances = [Utterance(samples, language) for samples in lines[_LINE]]
    throughput = asyncio.run(_throughput(utterances, sizes, counts, settings))
    console.print(throughput_table(throughput))
    recogniser = settings.recogniser
    report = AsrReport(
        language, recogniser.device, recogniser.compute_type, this_machine(), load, errors, throughput
    )
    if json_file:
        json_file.write_bytes(TypeAdapter(AsrReport).dump_json(report, indent=2) + b"\n")


def with_recogniser(settings: Settings, device: str, compute_type: str) -> Settings:
    """The settings with another device and arithmetic, where they are given. Raises BenchError."""
    given = {"device": device, "compute_type": compute_type or ("float16" if device == "cuda" else "")}
    values = settings.recogniser.model_dump() | {name: value for name, value in given.items() if value}
    try:
        recogniser = RecogniserSettings.model_validate(values)
    except ValidationError as error:
        raise BenchError(f"--device or --compute-type: {error.errors()[0]['msg']}") from None
    return settings.model_copy(update={"recogniser": recogniser})


def _numbers(option: str, text: str, most: int) -> tuple[int, ...]:
    words = text.split(",")
    numbers = tuple(int(word) for word in words if word.strip().isdecimal())
    if len(numbers) != len(words) or not all(0 < number <= most for number in numbers):
        raise BenchError(f"{option} {text!r} is not usable. Write numbers of 1 to {most}, as 1,2,4")
    return numbers


def _errors(
    weights: str,
    language: str,
    said: Sequence[list[str]],
    lines: dict[str, list[NDArray[np.int16]]],
    settings: Settings,
) -> Iterator[ErrorRateRow]:
    for window, short, hints in (
        ("10 s, guarded", True, ()),
        ("30 s", False, ()),
        ("10 s, guarded, hints", True, HINTS[language]),
        ("30 s, hints", False, HINTS[language]),
    ):
        engine = _engine(weights, short, settings)
        for condition, heard in lines.items():
            utterances = [Utterance(samples, language, hints) for samples in heard]
            began = time.process_time()
            transcripts = [engine.run([utterance])[0] for utterance in utterances]
            cpu_s = (time.process_time() - began) / len(utterances)
            row = _row(said, transcripts, language)
            yield replace(row, weights=weights, window=window, condition=condition, cpu_s=cpu_s)
        engine.close()


def _engine(weights: str, short: bool, settings: Settings) -> WhisperEngine:
    folder = weights_path(weights, "model.bin", settings.weights).parent
    recogniser = settings.recogniser
    engine = WhisperEngine(WhisperSettings(folder, recogniser.device, recogniser.compute_type, short))
    engine.load()
    engine.warm_up()
    return engine


def _row(said: Sequence[list[str]], heard: Iterable[Transcript], language: str) -> ErrorRateRow:
    transcripts = list(heard)
    outputs = [
        jiwer.process_words(" ".join(words), " ".join(tokens(each.text, language)))
        for words, each in zip(said, transcripts, strict=True)
    ]
    errors = [each.substitutions + each.deletions + each.insertions for each in outputs]
    lengths = [len(words) for words in said]
    full = sum(each.mode == "full_window" for each in transcripts)
    return ErrorRateRow("", "", "", sum(lengths), sum(errors), ratio_interval(errors, lengths), full, 0.0)


async def _throughput(
    utterances: Sequence[Utterance], sizes: Sequence[int], counts: Sequence[int], settings: Settings
) -> tuple[ThroughputRow, ...]:
    rows = []
    for processes in counts:
        for batch in sizes:
            update = {"max_batch": batch, "processes": processes}
            rows.append(await _drive(utterances, settings.recogniser.model_copy(update=update), settings))
    return tuple(rows)


async def _drive(
    utterances: Sequence[Utterance], recogniser: RecogniserSettings, settings: Settings
) -> ThroughputRow:
    language = utterances[0].language
    callers = asyncio.Semaphore(min(2 * recogniser.max_batch * recogniser.processes, _MOST_WAITING))
    async with serve_whisper(
        settings.weights, languages=(language,), nice=settings.engine_nice, **recogniser.model_dump()
    ) as service:

        async def call(utterance: Utterance) -> None:
            async with callers:
                await service.transcribe(utterance, deadline_s=_LONGEST_S)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for utterance in utterances:
                group.create_task(call(utterance))
        took_s = time.perf_counter() - began
        (engine,) = service.services.values()
    mean_ms = engine.metrics.run.mean_ms
    return ThroughputRow(recogniser.max_batch, recogniser.processes, len(utterances) / took_s, mean_ms)
