"""Pipecat answering the same callers, a process of its own in an environment of its own.

It imports nothing of ours: it is run as a file by the Python of `.venv-pipecat` (`make pipecat`). Its one
argument is JSON: `turn_end` (vad, smart or shortest), `whisper` and `piper` (folders of weights), `greeting`,
and `answers` (question -> answer). Standard output: `{"event": "ready", "port": ...}`; when a line comes in
it prints `{"event": "result", "transcripts": [...]}`, a list for each call, and ends.

What Pipecat's own examples of telephony use: FastAPI and uvicorn (with uvloop), TwilioFrameSerializer,
Silero, interruptions on. What is done for it beyond its defaults: models are loaded once and shared by all
calls, not in each call's constructor on the event loop, and its input runs at 16 kHz, which its local Whisper
needs. There is no language model: its answer is looked up at once.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket
from faster_whisper import WhisperModel
from loguru import logger
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.piper import tts as piper_service
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy, TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

_STOP_S = 0.2
"""Its default: silence after which its voice detector says that speech has stopped."""
_USER_SPEECH_TIMEOUT_S = {"vad": 0.6, "shortest": 0.0}
_SHARED_SESSIONS: dict[str, Any] = {}


class SharedWhisper(WhisperSTTService):
    """One model for all calls; its own way of transcribing."""

    model: WhisperModel

    def _load(self) -> None:
        self._model = self.model


class CannedAnswers(FrameProcessor):
    """In the place of a language model, and infinitely fast."""

    def __init__(self, answers: dict[str, str], transcripts: list[str]) -> None:
        super().__init__()
        self._answers = {frozenset(_words(question)): answer for question, answer in answers.items()}
        self._transcripts = transcripts

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a finished turn; pass everything else on."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        said = str(frame.context.get_messages()[-1]["content"])
        self._transcripts.append(said)
        heard = frozenset(_words(said))
        _, answer = max(
            self._answers.items(), key=lambda entry: len(entry[0] & heard) / len(entry[0] | heard)
        )
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(answer))
        await self.push_frame(LLMFullResponseEndFrame())


def _words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").split()


class Peer:
    """Builds a pipeline for each call, as its examples do."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._task = task
        self.transcripts: list[list[str]] = []
        self._voice = Path(task["piper"])
        SharedWhisper.model = WhisperModel(task["whisper"], device="cpu", compute_type="int8")
        voice = piper_service.PiperVoice.load(self._voice / "voice.onnx")
        piper_service.PiperVoice.load = staticmethod(lambda *_, **__: voice)
        list(voice.synthesize("Good morning."))
        _share_sessions()

    def _turn_end(self) -> UserTurnStrategies:
        kind = self._task["turn_end"]
        if kind == "smart":
            return UserTurnStrategies(
                stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=LocalSmartTurnAnalyzerV3())]
            )
        timeout_s = _USER_SPEECH_TIMEOUT_S[kind]
        return UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=timeout_s)])

    async def answer(self, websocket: WebSocket) -> None:
        """One call from its first message to its last."""
        await websocket.accept()
        _, call = await parse_telephony_websocket(websocket)
        serializer = TwilioFrameSerializer(
            stream_sid=call["stream_id"],
            call_sid=call["call_id"],
            params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
        )
        transport = FastAPIWebsocketTransport(
            websocket=websocket,
            params=FastAPIWebsocketParams(
                audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
            ),
        )
        worker = PipelineWorker(
            self._pipeline(transport),
            params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=8_000),
        )

        @transport.event_handler("on_client_connected")
        async def _greet(*_: Any) -> None:
            if self._task["greeting"]:
                await worker.queue_frames([TTSSpeakFrame(self._task["greeting"])])

        @transport.event_handler("on_client_disconnected")
        async def _gone(*_: Any) -> None:
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    def _pipeline(self, transport: FastAPIWebsocketTransport) -> Pipeline:
        transcripts: list[str] = []
        self.transcripts.append(transcripts)
        user, assistant = LLMContextAggregatorPair(
            LLMContext(),
            user_params=LLMUserAggregatorParams(
                vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=_STOP_S)),
                user_turn_strategies=self._turn_end(),
            ),
        )
        return Pipeline(
            [
                transport.input(),
                SharedWhisper(settings=WhisperSTTService.Settings(model="tiny.en")),
                user,
                CannedAnswers(self._task["answers"], transcripts),
                piper_service.PiperTTSService(
                    download_dir=self._voice, settings=piper_service.PiperTTSService.Settings(voice="voice")
                ),
                transport.output(),
                assistant,
            ]
        )


def _share_sessions() -> None:
    """Models that each call would load anew on the event loop: load each file once."""
    import onnxruntime

    load = onnxruntime.InferenceSession

    def shared(path: Any, *arguments: Any, **named: Any) -> Any:
        if str(path) not in _SHARED_SESSIONS:
            _SHARED_SESSIONS[str(path)] = load(path, *arguments, **named)
        return _SHARED_SESSIONS[str(path)]

    onnxruntime.InferenceSession = shared


def tell(**fields: object) -> None:
    """One line to whoever started this process."""
    print(json.dumps(fields), flush=True)


async def main() -> None:
    """Serve until a line comes in."""
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    peer = Peer(json.loads(sys.argv[1]))
    SileroVADAnalyzer()  # The first call is not to wait for it.
    app = FastAPI()
    app.add_api_websocket_route("/ws", peer.answer)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    tell(event="ready", port=server.servers[0].sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.readline)
    tell(event="result", transcripts=peer.transcripts)
    server.should_exit = server.force_exit = True
    await serving


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
