"""The engine's side of an engine process: `python -m models.engine_worker NAME FD NICE`.

Frames on the socket are an 8-byte length and a pickle. The parent sends a factory, then (number, requests)
again and again; the worker answers each with (number, results). The socket is a private pair between parent
and child, so unpickling reads nothing that others wrote.
"""

import os
import pickle
import queue
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from typing import Any

from models.engine import Engine, EngineError

LENGTH = struct.Struct("!Q")
LONGEST_CLOSE_S = 2.0


def frame(message: object) -> bytes:
    """One message as bytes for the socket."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def run_isolated(engine: Engine[Any, Any], batch: Sequence[Any]) -> list[Any]:
    """Results in order. If the batch fails, each request runs alone, so that only the bad one fails."""
    try:
        results = list(engine.run(batch))
        if len(results) != len(batch):
            raise ValueError(f"{len(results)} results for {len(batch)} requests")
        return results
    except Exception as error:
        if len(batch) == 1:
            return [EngineError(f"{type(error).__name__}: {error}")]
        return [run_isolated(engine, [request])[0] for request in batch]


def _receive(connection: socket.socket) -> Any:
    header = _receive_exactly(connection, LENGTH.size)
    return pickle.loads(_receive_exactly(connection, LENGTH.unpack(header)[0]))


def _receive_exactly(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while len(view):
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
    return data


def _read_requests(connection: socket.socket, requests: "queue.SimpleQueue[Any]") -> None:
    """Ends the process when the parent closes the socket or dies, even if the engine is busy or stuck."""
    try:
        while True:
            requests.put(_receive(connection))
    except (EOFError, OSError):
        requests.put(None)
        threading.Event().wait(LONGEST_CLOSE_S)
        os._exit(0)


def main(descriptor: int, nice: int) -> None:
    """Serve one engine until the parent closes the socket."""
    os.nice(nice)
    connection = socket.socket(fileno=descriptor)
    try:
        factory = _receive(connection)
    except EOFError:
        return
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(connection, requests), daemon=True).start()
    try:
        engine: Engine[Any, Any] = factory()
        engine.load()
        engine.warm_up()
    except Exception as error:
        connection.sendall(frame(f"{type(error).__name__}: {error}"))
        return
    connection.sendall(frame(None))
    while (message := requests.get()) is not None:
        number, batch = message
        try:
            connection.sendall(frame((number, run_isolated(engine, batch))))
        except OSError:
            break
    engine.close()


if __name__ == "__main__":
    main(int(sys.argv[2]), int(sys.argv[3]))
