"""Free ports for servers of the tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Ports of 127.0.0.1 that no other program gets until this ends, and to which nothing listens yet.

    A socket that is bound and does not listen keeps them. Whoever sets SO_REUSEADDR as well, as nearly every server
    does, can listen there all the same: https://man7.org/linux/man-pages/man7/socket.7.html
    """
    with ExitStack() as sockets:
        kept = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in kept:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in kept]
