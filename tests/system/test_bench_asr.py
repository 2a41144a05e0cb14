"""The bench of the recogniser, small, with real engines."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from rich.console import Console

from models.asr.service import weights_for
from models.tts.service import MANDARIN_VOICE, VOICE
from tests.embedded_weights import embedded_weights
from voicebot.bench.asr import AsrBench, run_asr_bench
from voicebot.bench.asr_report import AsrReport
from voicebot.bench.error import BenchError
from voicebot.bench.synthetic_speech import sentences
from voicebot.settings import Settings


def test_all_conditions_and_windows_are_measured(tmp_path: Path) -> None:
    tiny = weights_for("en")
    settings = Settings(weights=embedded_weights(tiny, VOICE), cache=tmp_path)
    console = Console(record=True, width=160)
    file = tmp_path / "asr.json"
    run_asr_bench(AsrBench("en", "2", "1", tiny, 3), settings, file, console)
    report = TypeAdapter(AsrReport).validate_json(file.read_bytes())
    assert len({(row.window, row.condition) for row in report.errors}) == len(report.errors) == 4 * 7
    clean = [row for row in report.errors if row.condition == "clean"]
    assert all(row.words == 10 and row.errors <= 2 and row.cpu_s > 0 for row in clean)
    assert all(row.full_window == 3 for row in report.errors if row.window.startswith("30 s"))
    (throughput,) = report.throughput
    assert (throughput.batch, throughput.processes) == (2, 1)
    assert 0 < throughput.utterances_per_s < 1000
    assert "babble 10 dB" in console.export_text()


def test_mandarin_is_spoken_and_counted_by_characters(tmp_path: Path) -> None:
    settings = Settings(weights=embedded_weights(weights_for("zh"), MANDARIN_VOICE), cache=tmp_path)
    file = tmp_path / "asr.json"
    run_asr_bench(AsrBench("zh", "1", "1", sentences=1), settings, file, Console(width=160))
    report = TypeAdapter(AsrReport).validate_json(file.read_bytes())
    characters = sum(c.isalpha() for c in sentences("zh")[0])
    assert {row.words for row in report.errors} == {characters}
    assert {row.weights for row in report.errors} == {weights_for("zh")}
    assert min(row.errors for row in report.errors) < characters / 2
    (throughput,) = report.throughput
    assert throughput.utterances_per_s > 0


def test_what_cannot_be_measured_is_named() -> None:
    with pytest.raises(BenchError, match=r"whisper-tiny\.en, whisper-base"):
        run_asr_bench(AsrBench("en", "1", "1", "whisper-huge"), Settings(), None, Console())
