"""Ports for what a test starts: nobody else's until the test's process ends, not even an outgoing connection's."""

import atexit

from deployments.local.ports import give_back, take_ports


def free_ports(n):
    """Of 127.0.0.1, none of them twice, below those from which the kernel serves connections."""
    ports = take_ports(n)
    atexit.register(give_back, ports)
    return list(ports)
