"""Starts `small_model_server.py`, a real language model behind an OpenAI-compatible endpoint."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.embedded_weights import embedded_weights


@contextmanager
def running_small_model() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Base URL (without /v1) and the process, which ends with the context."""
    file = embedded_weights("smollm2-135m") / "smollm2-135m" / "model.gguf"
    script = Path(__file__).with_name("small_model_server.py")
    with subprocess.Popen(
        ["nice", "-n", "5", sys.executable, str(script), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            assert port, f"the small model's server ended with status {process.wait()}"
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
