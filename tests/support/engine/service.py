"""What master and worker share: the log, HTTP with JSON, and how nodes reach each other."""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import REGISTRY, STAND_IN

# a request's body to a status code and a value
Answer = Callable[[bytes], tuple[int, object]]


def log(line: str) -> None:
    print(f"[stand-in] {line}", file=sys.stdout, flush=True)


def own_address(towards: str) -> str:
    """Our address in the network in which `towards` (a URL) lies."""
    host = towards.partition("://")[2].partition(":")[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


def ask(
    address: str, path: str, value: object = None, *, port: int = REGISTRY, timeout: float = 3
) -> object:
    """Another node's answer; OSError or ValueError where it does not answer as one."""
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(f"http://{address}:{port}{path}", data=body)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def is_there(address: str, name: str, *, timeout: float = 3) -> bool:
    """Whether the engine of this name, and not another that got its address, answers there."""
    try:
        return ask(address, "/ping", timeout=timeout) == {"name": name}
    except (OSError, ValueError):
        return False


def server(port: int, answers: Mapping[tuple[str, str], Answer]) -> ThreadingHTTPServer:
    """Listens; `answers` has what is answered, as JSON, by method and path. All else is a 404."""

    class Handler(BaseHTTPRequestHandler):
        server_version = STAND_IN.partition(",")[0].replace(" ", "-")
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = answers.get((self.command, self.path.partition("?")[0]))
            if answer is None:
                self._send(404, "<h1>404 Not Found</h1>", "text/html")
                return
            try:
                code, value = answer(body)
            except Exception as error:  # noqa: BLE001 - the one who asks must learn of it
                log(f"error: {self.command} {self.path}: {type(error).__name__}: {error}")
                code, value = 500, {"error": str(error)}
            self._send(code, json.dumps(value, separators=(",", ":")), "application/json")

        do_GET = do_POST = _answer

        def _send(self, code: int, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Pings are no news."""

    return Server(("", port), Handler)


class Server(ThreadingHTTPServer):
    """A line, not a traceback, for a request that fails; a client that left is no failure."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log(f"error: {type(error).__name__}: {error}")
