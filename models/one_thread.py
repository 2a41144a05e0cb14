"""ONNX networks on one thread: engines share the cores by processes, and the media tick must not hop."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import SessionOptions


def one_thread_options() -> "SessionOptions":
    """Left to itself, onnxruntime takes every core for each session."""
    from onnxruntime import SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return options
