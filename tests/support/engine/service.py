"""What master and worker share: the log, HTTP with JSON, who is reachable."""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import PORT, STAND_IN

Answer = Callable[[], object]


def log(line: str) -> None:
    print(f"[stand-in] {line}", file=sys.stdout, flush=True)


def own_address(towards: str) -> str:
    """Our address in the network in which `towards` (a URL) lies."""
    host = towards.partition("://")[2].partition(":")[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return probe.getsockname()[0]


def ask(address: str, path: str) -> object:
    """GET of another engine; OSError or ValueError where it doesn't answer as one."""
    with urllib.request.urlopen(f"http://{address}:{PORT}{path}", timeout=2) as answer:
        return json.load(answer)


def is_there(address: str, name: str) -> bool:
    """Whether the engine of this name, and not another that got its address, answers there."""
    try:
        said = ask(address, "/")
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("node") == name


def serve(
    node: str, role: str, get: Mapping[str, Answer], post: Mapping[str, Answer] | None = None
) -> None:
    """Answers for ever: `get` and `post` map a path to what is answered as JSON."""

    def about() -> object:
        return {"stand_in": STAND_IN, "node": node, "role": role}

    answers = {"GET": {"/": about, **get}, "POST": dict(post or {})}

    class Handler(BaseHTTPRequestHandler):
        server_version = "exareme-stand-in"
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            answer = answers[self.command].get(self.path.partition("?")[0])
            if answer is None:
                self._send(404, {"error": f"{STAND_IN}: there is no {self.command} {self.path}"})
                return
            try:
                self._send(200, answer())
            except Exception as error:  # noqa: BLE001 - whoever asks must learn of it
                log(f"error: {self.command} {self.path}: {error}")
                self._send(500, {"error": str(error)})

        do_GET = do_POST = _answer

        def _send(self, code: int, value: object) -> None:
            body = json.dumps(value, ensure_ascii=False).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """A look at health each second is no news."""

    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
