"""Which ports of this machine are free, and who holds one that is not."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterable
from pathlib import Path

import psutil

from deployments.local.errors import PortTaken

_LOWEST = 20_000
_marks: dict[int, socket.socket] = {}
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def take_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that nobody holds; this runtime's until it gives them back, or ends.

    They lie below the range from which the kernel serves outgoing connections: a program that is restarted must find
    its port as it left it, and on a busy gateway one of those would soon be taken by a connection.
    """
    highest = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    candidates = list(range(_LOWEST, max(highest, _LOWEST + 1_000)))
    random.SystemRandom().shuffle(candidates)
    found = tuple(itertools.islice(filter(_take, candidates), count))
    if len(found) < count:
        give_back(found)
        raise PortTaken(f"no {count} free ports between {_LOWEST} and {highest}; end what holds them")
    return found


def give_back(ports: Iterable[int]) -> None:
    for port in ports:
        _marks.pop(port).close()


def _take(port: int) -> bool:
    """A program binds its ports seconds after they were chosen, and another runtime may choose meanwhile.

    So each is marked by a UDP socket of the same number, which no program needs, and which the kernel takes back
    whatever happens.
    """
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind(("127.0.0.1", port))
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("", port))  # as the wrapper's gRPC server does: every address, no lingering connection
    except OSError:
        mark.close()
        return False
    _marks[port] = mark
    return True


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(host: str, port: int) -> None:
    """Errors: PortTaken, saying by whom where that can be known."""
    if is_free(host, port):
        return
    holder = _holder(port)
    raise PortTaken(
        f"port {port} of {host} is in use{f' by {holder}' if holder else ''}; end that program, or choose another "
        "port with --port"
    )


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
            try:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (pid {process.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return ""
