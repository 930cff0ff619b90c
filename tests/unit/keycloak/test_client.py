"""Which answers of a server pass by themselves and are waited for, and which are final."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from saltext_mip.keycloak.client import LONGEST, MAX_SIZE, PAUSES, Keycloak
from saltext_mip.keycloak.errors import (
    AccessError,
    KeycloakAway,
    KeycloakFailed,
    Redirected,
    TokenRefused,
    Unexpected,
)
from saltext_mip.keycloak.settings import Settings
from saltext_mip.secret import Secret
from tests.support.bad_server import HEAD, MB, body, bomb, serving


class Server:
    """A server that gives every request the same status, and each login the same token."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        self.token = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                content = json.dumps({"access_token": outer.token, "expires_in": 60}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

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


def token(issuer: str) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"iss": issuer}).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


@pytest.mark.parametrize("given", ["https://inner.example/realms/MIP", "expected", "opaque"])
def test_a_token_that_is_refused_is_no_wrong_password(server: Server, given: str) -> None:
    keycloak = Keycloak(server.settings, sleep=lambda _: None)
    expected = f"{server.settings.server_url}/realms/MIP"
    issuer = expected if given == "expected" else given
    server.token = "opaque" if given == "opaque" else token(issuer)
    server.status = 401
    with pytest.raises(TokenRefused) as refused:
        keycloak.get("clients")
    assert refused.value.permanent
    assert server.token not in str(refused.value)
    other = given.startswith("https")
    assert ("issuer is https://inner.example/realms/MIP" in str(refused.value)) is other
    assert ("keycloak:server_url" in str(refused.value)) is other


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


def settings(url: str, timeout: tuple[float, float] = (5.0, 30.0)) -> Settings:
    return Settings(
        url.rstrip("/"), "MIP", "fed1", "admin", admin_secret=Secret("canary"), timeout=timeout
    )


def test_an_answer_that_drips_is_none() -> None:
    with serving(lambda _: None) as server:
        server.answer = lambda sock: server.drip(sock, HEAD + b"\r\n", b"x")
        with pytest.raises(KeycloakAway, match="the response timed out"):
            Keycloak(settings(server.url, (5.0, 0.2)), sleep=lambda _: None)
        assert len(server.requests) == 1 + len(PAUSES)


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_that_is_too_large_is_final(packed: bool) -> None:
    answer = (
        body(bomb(MAX_SIZE + MB), "Content-Encoding: gzip") if packed else body(bytes(MAX_SIZE + 1))
    )
    with serving(answer) as server:
        with pytest.raises(Unexpected, match=f"larger than {MAX_SIZE} bytes") as refused:
            Keycloak(settings(server.url), sleep=lambda _: None)
        assert refused.value.permanent
        assert len(server.requests) == 1


def test_a_redirect_to_another_port_gets_no_login() -> None:
    with serving(body(b"{}")) as other, serving(lambda _: None) as server:
        server.answer = body(b"", f"Location: {other.url}x?y=z", status="302 Found")
        with pytest.raises(Redirected, match=r"http://127\.0\.0\.1/x"):
            Keycloak(settings(server.url), sleep=lambda _: None)
        assert other.requests == []
        assert not any(b"canary" in request for request in server.requests)


def test_a_server_that_is_slow_with_each_answer_ends_the_run(server: Server) -> None:
    """Each answer comes within its own deadline; those of a run are many."""
    now = 0.0
    keycloak = Keycloak(server.settings, sleep=lambda _: None, clock=lambda: now)
    server.token = "token"
    keycloak.get("clients")
    asked = server.asked
    now = LONGEST
    with pytest.raises(KeycloakAway, match="600 s"):
        keycloak.get("clients")
    assert server.asked == asked
