"""The `voicebot` command. Bad input ends with one clear message and exit status 2."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dialogs.problem import InputError
from models.engine import EngineError
from models.registry.weights import WeightsError
from telephony.line import LineError
from voicebot import __version__
from voicebot.bench.error import BenchError
from voicebot.settings import load_settings
from voicebot.simulation.crowd import CrowdError

app = typer.Typer(
    help="Phones people, talks with them, and reports what came of it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
campaign_app = typer.Typer(help="Run campaigns.", no_args_is_help=True)
script_app = typer.Typer(help="Work on scripts.", no_args_is_help=True)
trunk_app = typer.Typer(help="Look after SIP trunks.", no_args_is_help=True)
app.add_typer(campaign_app, name="campaign")
app.add_typer(script_app, name="script")
app.add_typer(trunk_app, name="trunk")
bench_app = typer.Typer(
    help="Measure on this machine, beside others doing the same work.", no_args_is_help=True
)
app.add_typer(bench_app, name="bench")

_MENDABLE = InputError | WeightsError | LineError | EngineError | CrowdError | BenchError
INPUT_ERROR = 2
INTERRUPTED = 130

SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file (YAML).")]
ScriptFile = Annotated[Path, typer.Option("--script", help="Script file.")]
Variables = Annotated[
    list[str] | None, typer.Option("--var", help="A contact variable of the script, as name=value.")
]
# Of several benchmarks.
JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write all figures here.")]
CallCounts = Annotated[str, typer.Option(help="Numbers of calls at once, one run each.")]
Rounds = Annotated[int, typer.Option(min=1, max=10, help="Turns of each contender.")]
Turns = Annotated[int, typer.Option(min=1, max=30, help="Questions of each caller.")]
Wire = Annotated[str, typer.Option(help="websocket or rtp.")]
Peer = Annotated[str, typer.Option(help="Also measure this one: pipecat.")]
LiveSpeech = Annotated[bool, typer.Option("--live-speech", help="Render each reply anew.")]


class ReportFormat(StrEnum):
    """Ways to show a report."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Faults that a person can mend become a message and an exit status instead of a traceback.

    SIGTERM is taken as Ctrl-C: either way live calls end with a BYE."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        faults = list(_leaves(error))
        if not all(isinstance(fault, _MENDABLE) for fault in faults):
            raise
        for fault in faults:
            for message in getattr(fault, "problems", (fault,)):
                typer.echo(str(message), err=True)
        raise typer.Exit(INPUT_ERROR) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("out/demo"),
    settings_file: SettingsFile = None,
) -> None:
    """Phone 24 simulated people over SIP on this machine and report what came of it."""
    from voicebot.demo import run_demo

    with _clear_errors():
        completed = asyncio.run(run_demo(load_settings(settings_file), folder))
    raise typer.Exit(0 if completed else 1)


@campaign_app.command("run")
def campaign_run(
    plan: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    folder: Annotated[Path | None, typer.Option(help="Where the report goes; out/NAME if not given.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Call everyone on a campaign's list; run it again to resume where it stopped."""
    from voicebot.campaign.plan import load_plan
    from voicebot.campaign.run import run_campaign
    from voicebot.reports.show import folder_of, report_campaign
    from voicebot.reports.table import report_table

    console = Console()
    with _clear_errors():
        settings = load_settings(settings_file)
        folder = folder or folder_of(load_plan(plan).name)
        run = asyncio.run(run_campaign(plan, settings, recordings=folder / "recordings", console=console))
        console.print(report_table(report_campaign(run.campaign.name, settings, folder)))
        console.print(f"Report: {folder / 'report.html'}")
    raise typer.Exit(0 if run.went_through else 1)


@app.command()
def call(
    to: Annotated[
        str, typer.Option(help="Whom to call: +NUMBER, or an address such as sip:alice@127.0.0.1:5060.")
    ],
    script: ScriptFile,
    trunk: Annotated[str, typer.Option(help="Call over this trunk; all, by priority, if not given.")] = "",
    bridge: Annotated[str, typer.Option(help="Call over this bridge of the settings instead.")] = "",
    var: Variables = None,
    settings_file: SettingsFile = None,
) -> None:
    """Place one call and print it as JSON. Nothing is stored but the recording."""
    from voicebot.lines import LineChoice
    from voicebot.single_call import place_single_call

    if trunk and bridge:
        raise typer.BadParameter("--trunk and --bridge exclude each other", param_hint="--bridge")
    with _clear_errors():
        settings = load_settings(settings_file)
        choice = LineChoice(trunk, bridge)
        result = asyncio.run(place_single_call(to, script, _variables(var), settings, choice))
    typer.echo(json.dumps(asdict(result), indent=2, ensure_ascii=False, default=_plain))


@app.command()
def chat(script: ScriptFile, var: Variables = None, settings_file: SettingsFile = None) -> None:
    """Hold the script's conversation as text; an empty line is silence, a number is a key."""
    from voicebot.chat import run_chat

    with _clear_errors():
        asyncio.run(run_chat(script, _variables(var), load_settings(settings_file)))


@script_app.command("check")
def script_check(scripts: Annotated[list[Path], typer.Argument(help="Script files.")]) -> None:
    """Find what is wrong with a script: every fault with its file, line and mend."""
    from dialogs.script.load import check_script

    problems = [problem for script in scripts for problem in check_script(script)]
    for problem in problems:
        typer.echo(str(problem))
    errors = sum(not problem.warning for problem in problems)
    typer.echo(f"{len(scripts)} checked, {errors} errors, {len(problems) - errors} warnings", err=True)
    raise typer.Exit(INPUT_ERROR if errors else 0)


@trunk_app.command("check")
def trunk_check(
    name: Annotated[str, typer.Argument(help="Name of the trunk in the settings.")] = "main",
    to: Annotated[str, typer.Option(help="Echo number to call, if not the one of the settings.")] = "",
    settings_file: SettingsFile = None,
) -> None:
    """Ask the trunk's peer, register, make a test call to an echo number: codec, delay, loss."""
    from voicebot.trunk_check import check_trunk

    with _clear_errors():
        fine = asyncio.run(check_trunk(name, load_settings(settings_file), Console(), to))
    raise typer.Exit(0 if fine else 1)


@app.command()
def report(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    format_: Annotated[ReportFormat, typer.Option("--format", help="How to show it.")] = ReportFormat.TABLE,
    settings_file: SettingsFile = None,
) -> None:
    """Show what came of a campaign, on standard output."""
    from voicebot.reports.show import show_report

    with _clear_errors():
        show_report(campaign, format_.value, load_settings(settings_file), Console())


@app.command()
def doctor(
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch missing weights.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Say what is installed, which weights are present, which ports are free, and what to mend."""
    from voicebot.doctor import examine

    with _clear_errors():
        healthy = examine(load_settings(settings_file), Console(), fetch=fetch)
    raise typer.Exit(0 if healthy else INPUT_ERROR)


@bench_app.command("media")
def bench_media(
    calls: CallCounts = "20,100",
    seconds: Annotated[float, typer.Option(min=2, max=120, help="Measured time of one turn.")] = 10,
    rounds: Rounds = 3,
    json_file: JsonFile = None,
) -> None:
    """CPU per call of the media path, beside agent-transport and aiortp, with sipp as the far end."""
    from voicebot.bench.media import call_counts, run_media_bench

    with _clear_errors():
        measured = run_media_bench(call_counts(calls), seconds, rounds, json_file, Console())
    raise typer.Exit(0 if measured else 1)


@bench_app.command("latency")
def bench_latency(
    calls: CallCounts = "1,4,8",
    turns: Turns = 6,
    rounds: Rounds = 1,
    wire: Wire = "websocket",
    peer: Peer = "",
    live_speech: LiveSpeech = False,
    json_file: JsonFile = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw latency against calls here.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """How long callers wait for a reply, and what a talking call costs."""
    from voicebot.bench.media import call_counts
    from voicebot.bench.talk.latency import run_latency_bench
    from voicebot.bench.talk.preparation import talk_bench

    with _clear_errors():
        bench = talk_bench(settings_file, wire, peer, turns, live_speech)
        measured = run_latency_bench(bench, call_counts(calls), rounds, json_file, plot)
    raise typer.Exit(0 if measured else 1)


@bench_app.command("capacity")
def bench_capacity(
    most: Annotated[int, typer.Option(min=1, max=120, help="Try no more calls at once.")] = 64,
    minutes: Annotated[float, typer.Option(min=1, max=120, help="Begin no run after this long.")] = 5,
    turns: Turns = 6,
    wire: Wire = "websocket",
    peer: Peer = "",
    live_speech: LiveSpeech = False,
    json_file: JsonFile = None,
    settings_file: SettingsFile = None,
) -> None:
    """How many calls can talk at once with replies in time."""
    from voicebot.bench.talk.capacity import run_capacity_bench
    from voicebot.bench.talk.preparation import talk_bench

    with _clear_errors():
        bench = talk_bench(settings_file, wire, peer, turns, live_speech)
        measured = run_capacity_bench(bench, most, minutes, json_file)
    raise typer.Exit(0 if measured else 1)


@bench_app.command("silent")
def bench_silent(
    calls: CallCounts = "20,50,200",
    seconds: Annotated[float, typer.Option(min=2, max=60, help="Measured time of one run.")] = 10,
    rounds: Rounds = 1,
    wire: Wire = "websocket",
    peer: Peer = "",
    json_file: JsonFile = None,
    settings_file: SettingsFile = None,
) -> None:
    """What a call costs in which nobody speaks: media, voice detection and recording."""
    from voicebot.bench.media import call_counts
    from voicebot.bench.talk.preparation import talk_bench
    from voicebot.bench.talk.silent import run_silent_bench

    with _clear_errors():
        bench = talk_bench(settings_file, wire, peer, turns=0)
        measured = run_silent_bench(bench, call_counts(calls), seconds, rounds, json_file)
    raise typer.Exit(0 if measured else 1)


@bench_app.command("replay")
def bench_replay(
    campaign: Annotated[str, typer.Argument(help="Name of a campaign that was run with recordings.")],
    recordings: Annotated[Path, typer.Option(help="Folder of its recordings.")],
    script: Annotated[Path, typer.Option("--script", help="Its script.")],
    calls: CallCounts = "4,8,16,32",
    seconds: Annotated[float, typer.Option(min=5, max=300, help="Measured time of each run.")] = 30,
    device: Annotated[str, typer.Option(help="Where the recogniser runs: cpu or cuda.")] = "cpu",
    compute_type: Annotated[
        str, typer.Option(help="int8 on a CPU; float16 or int8_float16 on CUDA.")
    ] = "int8",
    max_batch: Annotated[int, typer.Option(min=1, max=64, help="Utterances in one run of the network.")] = 4,
    processes: Annotated[
        int, typer.Option(min=0, max=8, help="Recogniser processes; 0 for as many as the settings say.")
    ] = 0,
    objective_ms: Annotated[
        float, typer.Option(min=1, help="Reply latency (p95) that is good enough.")
    ] = 800,
    json_file: JsonFile = None,
    settings_file: SettingsFile = None,
) -> None:
    """How many calls this machine's engines bear: the traffic of finished calls, replayed many at once."""
    from dialogs.script.load import load_script
    from voicebot.bench.media import call_counts
    from voicebot.bench.replay import MOST_CALLS, ReplayPlan, run_replay
    from voicebot.bench.replay_traffic import traffic_of
    from voicebot.reports.show import campaign_rows

    with _clear_errors():
        settings = load_settings(settings_file)
        counts = call_counts(calls, MOST_CALLS)
        recognisers = processes or settings.recogniser.processes
        plan = ReplayPlan(counts, seconds, objective_ms, device, compute_type, max_batch, recognisers)
        traffic = traffic_of(campaign_rows(campaign, settings), recordings)
        run_replay(plan, traffic, load_script(script), settings, json_file, Console())


@bench_app.command("asr")
def bench_asr(
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    device: Annotated[str, typer.Option(help="cpu or cuda, if not that of the settings.")] = "",
    compute_type: Annotated[str, typer.Option(help="Arithmetic, if not that of the settings.")] = "",
    batch: Annotated[str, typer.Option(help="Batch sizes, one run each.")] = "1,2,4,8",
    processes: Annotated[str, typer.Option(help="Numbers of engine processes, one run each.")] = "1,2",
    weights: Annotated[str, typer.Option(help="Errors of this network alone.")] = "",
    only: Annotated[int | None, typer.Option("--sentences", min=2, help="Only the first so many.")] = None,
    json_file: JsonFile = None,
    settings_file: SettingsFile = None,
) -> None:
    """Errors of the recogniser on telephone audio, its cost, and its throughput against batch size."""
    from voicebot.bench.asr import AsrBench, run_asr_bench, with_recogniser

    with _clear_errors():
        settings = with_recogniser(load_settings(settings_file), device, compute_type)
        wanted = AsrBench(language, batch, processes, weights, only)
        run_asr_bench(wanted, settings, json_file, Console())


@bench_app.command("end-of-turn")
def bench_end_of_turn(
    json_file: JsonFile = None,
    settings_file: SettingsFile = None,
) -> None:
    """Does the detector tell finished sentences from the same sentences cut short?"""
    from voicebot.bench.end_of_turn import run_end_of_turn_bench

    with _clear_errors():
        run_end_of_turn_bench(load_settings(settings_file), json_file, Console())


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Phones people, talks with them, and reports what came of it."""
    os.umask(0o077)  # Recordings, transcripts and records are nobody else's business.
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _variables(pairs: list[str] | None) -> dict[str, str]:
    variables: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r} is not name=value", param_hint="--var")
        variables[name] = value
    return variables


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
