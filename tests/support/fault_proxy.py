"""A proxy in front of a real server that goes wrong as it is told to.

It forwards every request and remembers it; a :class:`Fault` says for which requests something else
happens. With a certificate it speaks TLS.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str

    @property
    def is_write(self) -> bool:
        """Whether it asks the realm's administration for a change (a login does not)."""
        return self.method != "GET" and "/admin/" in self.path


@dataclass
class Fault:
    """What happens to the requests that ``hits``, ``times`` of them.

    ``wait`` seconds and ``meanwhile``, then: ``after`` lets the server do it all the same, and
    hides that it did; ``status`` answers so, ``drop`` closes the connection without a word,
    ``hang`` waits for :meth:`FaultProxy.release` and then closes it. None of these: it goes on as
    usual.
    """

    hits: Callable[[Request], bool]
    times: int = 1_000_000
    wait: float = 0
    meanwhile: Callable[[], None] = lambda: None
    after: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False


def every_write(request: Request) -> bool:
    return request.is_write


def everything(_: Request) -> bool:
    return True


def nth_write(number: int) -> Callable[[Request], bool]:
    """The number-th write from now, counted from 1, and none else."""
    count = 0

    def hits(request: Request) -> bool:
        nonlocal count
        count += request.is_write
        return request.is_write and count == number

    return hits


class FaultProxy:
    """``url`` stands for ``target``; ``requests`` are those that came, ``faults`` what to do."""

    def __init__(self, target: str, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.hanging = threading.Event()
        self._target = urlsplit(target)
        self._released = threading.Event()
        self._lock = threading.Lock()

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.is_write]

    def heal(self) -> None:
        """No more faults, nothing remembered."""
        self.release()
        with self._lock:
            self.faults.clear()
            self.requests.clear()
        self.hanging.clear()
        self._released.clear()

    def release(self) -> None:
        """Let go of the requests that hang."""
        self._released.set()

    def fault_for(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.hits(request) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def forward(self, handler: BaseHTTPRequestHandler) -> tuple[http.client.HTTPResponse, bytes]:
        """The server's own answer."""
        length = int(handler.headers.get("Content-Length") or 0)
        connection = http.client.HTTPConnection(self._target.netloc, timeout=60)
        with contextlib.closing(connection):
            headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP}
            body = handler.rfile.read(length) if length else None
            connection.request(handler.command, handler.path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer, answer.read()

    def hang(self) -> None:
        self.hanging.set()
        self._released.wait(60)


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            fault = proxy.fault_for(Request(self.command, self.path))
            if fault is None:
                self._pass_on()
                return
            time.sleep(fault.wait)
            fault.meanwhile()
            if fault.after:
                proxy.forward(self)
            if fault.hang:
                proxy.hang()
            if fault.drop or fault.hang:
                self.close_connection = True
            elif fault.status is not None:
                self.close_connection = True
                self.send_response(fault.status)
                for name, value in fault.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()
            else:
                self._pass_on()

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def _pass_on(self) -> None:
            answer, body = proxy.forward(self)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet: what came is in ``requests``."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed in the middle is what these tests are about."""


@contextlib.contextmanager
def in_front_of(target: str, certificate: Path | None = None) -> Iterator[FaultProxy]:
    """A proxy on a port of its own; ``certificate`` is a PEM file with key and certificate."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    path = urlsplit(target).path
    proxy = FaultProxy(target, f"{scheme}://127.0.0.1:{server.server_port}{path}")
    server.RequestHandlerClass = _handler(proxy)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.release()
        server.shutdown()
        server.server_close()
        thread.join()
