"""A server that answers whatever a test wants, byte by byte: no library is in between.

::

    with serving(body(b"here", "Content-Type: text/plain")) as server:
        requests.get(server.url)
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator

MB = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\n"

Answer = Callable[[socket.socket], None]


class Server:
    """Answers each connection, after its request's head was read, by ``answer``."""

    def __init__(self, answer: Answer, *, context: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.context = context
        self.requests: list[bytes] = []
        self.closing = threading.Event()
        self.left = threading.Event()  # a client closed the connection while it was answered
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}/"

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            with self.context.wrap_socket(peer, server_side=True) if self.context else peer as sock:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (data := sock.recv(65536)):
                        return
                    head += data
                self.requests.append(head)
                self.answer(sock)
        except OSError:
            self.left.set()

    def drip(self, sock: socket.socket, first: bytes, again: bytes) -> None:
        """Send ``first``, then ``again`` now and then, until the client or the test is gone."""
        sock.sendall(first)
        while not self.closing.wait(0.02):
            sock.sendall(again)

    def close(self) -> None:
        self.closing.set()
        self.socket.close()


@contextlib.contextmanager
def serving(answer: Answer, **more: ssl.SSLContext) -> Iterator[Server]:
    server = Server(answer, **more)
    try:
        yield server
    finally:
        server.close()


def body(content: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """``content`` with these headers; the connection is closed then, unless one of them differs."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    if not any(line.startswith("Connection:") for line in headers):
        lines.append("Connection: close")
    return lambda sock: sock.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def bomb(size: int) -> bytes:
    """So many zeros, compressed by gzip."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(MB)
    return b"".join([packer.compress(zeros) for _ in range(size // MB)] + [packer.flush()])
