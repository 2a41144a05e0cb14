"""Ports and addresses of loopback that nobody uses."""

import socket
from itertools import product


def free_udp_port(host: str) -> int:
    """An even port that is free now, for whoever binds it next."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port % 2 == 0:
            return port
    raise OSError(f"no free UDP port on {host}")


def can_bind(host: str, port: int) -> bool:
    """Whether the port is free for both UDP and TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def free_loopback_host(port: int) -> str:
    """An address in 127.0.0.0/8 whose `port` is free."""
    for low, high in product(range(77, 87), range(1, 101)):
        if can_bind(host := f"127.{low}.0.{high}", port):
            return host
    raise OSError(f"no loopback address with a free port {port}")
