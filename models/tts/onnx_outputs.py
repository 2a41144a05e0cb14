"""One more output of an ONNX model: a tensor that it computes anyway."""


def with_output(model: bytes, tensor: str) -> bytes:
    """The model with the named tensor as its last output.

    Concatenated protobuf messages merge, so an appended ModelProto{graph{output{name}}} adds the output
    without the onnx package. Unchanged where there is no such tensor.
    """
    message = tensor.encode()
    if message not in model:
        return model
    for field in (b"\x0a", b"\x62", b"\x3a"):  # ValueInfoProto.name, GraphProto.output, ModelProto.graph
        message = field + bytes([len(message)]) + message
    return model + message
