"""Which answers of a server pass by themselves and are waited for, and which are final."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from saltext_mip.keycloak.client import PAUSES, Keycloak
from saltext_mip.keycloak.errors import AccessError, KeycloakFailed
from saltext_mip.keycloak.settings import Settings
from saltext_mip.secret import Secret


class Server:
    """A server that gives every request the same status."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Not on the terminal."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def settings(self) -> Settings:
        url = f"http://127.0.0.1:{self.http.server_port}"
        return Settings(url, "MIP", "fed1", "mip-admin", admin_secret=Secret("secret"))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_passes_by_itself_is_tried_again_and_then_temporary(
    server: Server, status: int
) -> None:
    server.status = status
    paused: list[float] = []
    with pytest.raises(KeycloakFailed) as failed:
        Keycloak(server.settings, sleep=paused.append)
    assert not failed.value.permanent
    assert paused == list(PAUSES)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 428, 430])
def test_what_stays_is_not_tried_again(server: Server, status: int) -> None:
    server.status = status
    paused: list[float] = []
    with pytest.raises(AccessError) as failed:
        Keycloak(server.settings, sleep=paused.append)
    assert failed.value.permanent
    assert paused == []
