"""Ports that nobody listens on."""

import random
import socket
from pathlib import Path


def _ephemeral_start():
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32768


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_port(claims):
    """A port that the system lets one bind, below those that it gives to connections.

    `claims` is a folder that all who run together share: a port is entered there, so that none is chosen twice.
    """
    top = max(_ephemeral_start(), 12000)
    while True:
        port = random.randrange(10000, top)
        if not _is_free(port):
            continue
        try:
            (Path(claims) / str(port)).open("x").close()
            return port
        except FileExistsError:
            continue
