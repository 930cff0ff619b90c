"""The server of the page: a process of its own on loopback, as the engine starts it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs, to_builtins

from saltext_mip import results
from saltext_mip.results import Observed, StatusResult
from saltext_mip.storage.state import OBSERVED, write_state
from saltext_mip.watch.page import source
from saltext_mip.watch.page.access import sign
from saltext_mip.watch.page.feed import Feed
from saltext_mip.watch.page.settings import PageSettings, ServerPlan
from tests.support import pages
from tests.support.certificates import self_signed
from tests.support.pages import Page

TOKEN = "a-long-random-token"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
METRICS = b'# HELP mip_node_up up\n# TYPE mip_node_up gauge\nmip_node_up{federation="%s"} 1.0\n'
SECRET = "canary-of-a-log"
WITHIN = 30.0


def observed(status: StatusResult, ago: timedelta = timedelta(seconds=5)) -> StatusResult:
    at = datetime.now(UTC) - ago
    moments = [each.isoformat(timespec="seconds") for each in (at, at + timedelta(seconds=60))]
    return structs.replace(status, observed=Observed(at=moments[0], seconds=1.0, next=moments[1]))


def write(state: Path, status: StatusResult) -> None:
    """As the observer does."""
    write_state(state / OBSERVED, results.to_json("status", status))
    found = pages.generations()
    source.write(state, status, lambda most: found[:most], METRICS % status.federation.encode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Served:
    """A feed with its server, asked by http."""

    def __init__(
        self, folder: Path, names: tuple[str, ...] = ("fed1",), **settings: object
    ) -> None:
        self.states = {name: folder / name for name in names}
        self.settings = PageSettings(port=free_port(), **settings)
        self.reports: list[str] = []
        plan = ServerPlan(self.settings, names)
        self.feed = Feed(plan, self.states, self.reports.append)
        self.tick()

    def tick(self) -> None:
        self.feed.tick(time.monotonic())

    def connection(self) -> http.client.HTTPConnection:
        if self.settings.certificate:
            context = ssl.create_default_context(cafile=self.settings.certificate)
            return http.client.HTTPSConnection(
                "127.0.0.1", self.settings.port, timeout=WITHIN, context=context
            )
        return http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=WITHIN)

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = self.connection()
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def status(self, path: str, method: str = "GET", **headers: str) -> int:
        return self.ask(path, method, headers=headers)[0]

    def becomes(self, path: str, text: bytes) -> bytes:
        """The page once it has that text: the feed sends it, the server takes it."""
        until = time.monotonic() + WITHIN
        while time.monotonic() < until:
            self.tick()
            with suppress(ConnectionError):  # it has not begun yet
                content = self.ask(path)[1]
                if text in content:
                    return content
            time.sleep(0.05)
        raise AssertionError(f"{path} does not become {text!r}; reported: {self.reports}")

    def heard(self, most: int) -> list[str]:
        """What was reported, once there is that much."""
        until = time.monotonic() + WITHIN
        while len(self.reports) < most and time.monotonic() < until:
            self.tick()
            time.sleep(0.05)
        return self.reports


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    write(tmp_path / "fed1", observed(pages.degraded()))
    found = Served(tmp_path)
    found.becomes("/fed1/", b"Degraded")
    yield found
    found.feed.close()


def test_every_path_has_what_it_is_for(served: Served) -> None:
    _, content, headers = served.ask("/fed1/")
    page = Page(content)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Federation fed1 ✖ Degraded" in page.words()
    assert page.column("Nodes", "Node") == ["wk1", "wk2", "wk3"]
    assert "Generation 3" in page.text
    assert Page(served.ask("/")[1]).column("Federations", "State") == ["✖ Degraded, Synced"]
    found = json.loads(served.ask("/fed1/status.json")[1])
    assert results.parse("status", found).health == "Degraded"
    assert served.ask("/metrics")[1] == METRICS % b"fed1"
    assert served.ask("/healthz")[:2] == (200, b"ok\n")
    assert served.ask("/fed1")[2]["Location"] == "/fed1/"
    used = [attrs.get("href") or attrs.get("src") for tag, attrs in page.tags if tag != "a"]
    for path in filter(None, used):
        assert served.status(path) == 200, path


def test_answers_forbid_what_a_page_does_not_need(served: Served) -> None:
    for path in ("/", "/fed1/", "/fed1/status.json", "/metrics", "/healthz", "/nothing"):
        headers = served.ask(path)[2]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Set-Cookie"] is None
        assert headers["Server"] is None
        assert headers["Cache-Control"] == "no-store"


def test_head_is_get_without_the_content(served: Served) -> None:
    code, content, headers = served.ask("/fed1/status.json", "HEAD")
    assert (code, content) == (200, b"")
    assert int(headers["Content-Length"]) > 100


def test_wrong_requests_are_refused_and_reported_once(served: Served) -> None:
    for _ in range(3):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert served.status("/fed1/", method) == 405
        for host in ("evil.example", "", "127.0.0.1.evil.example:8480", "fed1"):
            assert served.status("/fed1/", Host=host) in (400, 421)
        for path in ("/fed2/", "/../etc/passwd", "/fed1/../../etc/passwd", "/fed1/%2e%2e/x"):
            assert served.status(path) == 404
        for path in ("/static/../feed.py", "/static/..%2ffeed.py", "/fed1/%00"):
            assert served.status(path) in (400, 404)
        assert served.status("/fed1/link/e30.e30/") == 403
    reports = served.heard(4)
    assert sorted(each.partition("(")[2][:3] for each in reports) == ["403", "404", "405", "421"]
    assert served.status("/fed1/", Host="localhost:9999") == 200  # of a tunnel


def test_what_is_sent_without_sense_ends_and_is_not_logged(served: Served) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01", b"GET /fed1/ HTTP/9.9\r\n\r\n", b"A" * 100_000):
        with socket.create_connection(("127.0.0.1", served.settings.port), WITHIN) as client:
            answer = b""
            with suppress(OSError):  # it does not read what it refuses
                client.sendall(sent + b"\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(1 << 16)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert served.status("/fed1/") == 200
    served.tick()
    assert served.reports == []


def test_a_stream_tells_of_each_observation(served: Served) -> None:
    connection = served.connection()
    connection.request("GET", "/fed1/stream")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.readline() == b"event: observed\n"
    first = answer.readline()
    assert first.startswith(b"data: 20")
    write(served.states["fed1"], observed(pages.healthy(), timedelta(seconds=1)))
    served.tick()
    assert answer.readline() == b"\n"
    assert answer.readline() == b"event: observed\n"
    assert answer.readline() != first
    connection.close()
    assert b"Healthy" in served.ask("/fed1/")[1]
    assert served.status("/fed1/stream", "HEAD") == 200


def test_the_page_tells_that_nobody_observes(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        assert b"Not observed yet" in served.becomes("/fed1/", b"Federation")
        assert served.ask("/healthz")[:2] == (503, b"stale\n")
        assert served.status("/fed1/status.json") == 404
        write(served.states["fed1"], observed(pages.healthy(), timedelta(hours=3)))
        content = served.becomes("/fed1/", b"Observed 3 h ago")
        assert "Federation fed1 ! Unknown" in Page(content).words()
        assert served.ask("/healthz")[0] == 503
        (served.states["fed1"] / OBSERVED).write_text("{}")
        served.becomes("/fed1/", b"Not observed yet")
    finally:
        served.feed.close()


def test_no_log_and_no_secret_is_served(tmp_path: Path) -> None:
    base = pages.degraded()
    services = {n: structs.replace(s, log=[SECRET]) for n, s in base.services.items()}
    write(tmp_path / "fed1", observed(structs.replace(base, services=services)))
    assert SECRET in (tmp_path / "fed1" / OBSERVED).read_text()
    served = Served(tmp_path, token_sha256=DIGEST)
    try:
        login = {"Authorization": f"Bearer {TOKEN}"}
        served.becomes("/healthz", b"ok")
        for path in ("/", "/fed1/", "/fed1/status.json", "/metrics"):
            code, content, _ = served.ask(path, headers=login)
            assert code == 200
            assert not any(each.encode() in content for each in (SECRET, TOKEN, DIGEST))
    finally:
        served.feed.close()


def test_a_token_opens_everything_and_a_link_its_part_only(tmp_path: Path) -> None:
    write(tmp_path / "fed1", observed(pages.degraded()))
    key = source.link_key(tmp_path / "fed1")
    served = Served(tmp_path, token_sha256=DIGEST, url="https://mip.example", behind_proxy=True)
    try:
        served.becomes("/healthz", b"ok")
        basic = base64.b64encode(f"anna:{TOKEN}".encode()).decode()
        wrong = base64.b64encode(b"anna:wrong").decode()
        for path in ("/", "/fed1/", "/fed1/status.json", "/fed1/stream", "/metrics", "/nothing"):
            code, _, headers = served.ask(path)
            assert code == 401
            assert headers["WWW-Authenticate"].startswith("Basic ")
            assert served.status(path, Authorization=f"Basic {wrong}") == 401
        assert served.status("/fed1/", Authorization=f"Basic {basic}", Host="mip.example") == 200
        assert served.status("/fed1/", Authorization=f"Bearer {TOKEN}") == 200

        soon = int(time.time()) + 600
        link = f"/fed1/link/{sign(key, 'fed1', 'fed1-wk-h1', soon)}/"
        code, content, _ = served.ask(link)
        assert code == 200
        assert b"UnknownColumn" in content
        assert b"wk-h2" not in content
        assert served.status(f"{link}stream", "HEAD") == 200
        for bad in (
            link.replace("link/", "link/A"),
            link.replace("fed1/", "fed2/", 1),
            f"/fed1/link/{sign(key, 'fed1', 'fed1-wk-h1', int(time.time()) - 1)}/",
            f"/fed1/link/{sign(bytes(32), 'fed1', 'fed1-wk-h1', soon)}/",
        ):
            assert served.status(bad) == 403, bad
        assert len(served.heard(2)) == 2
    finally:
        served.feed.close()


def test_two_federations_have_their_own_pages_and_each_metric_once(tmp_path: Path) -> None:
    for name in ("fed1", "fed2"):
        write(tmp_path / name, observed(pages.healthy(federation=name)))
    served = Served(tmp_path, ("fed1", "fed2"))
    try:
        served.becomes("/fed2/", b"Federation fed2")
        served.becomes("/fed1/", b"Federation fed1")
        text = served.ask("/metrics")[1].decode()
        assert text.count("# HELP mip_node_up") == 1
        assert text.count("mip_node_up{") == 2
    finally:
        served.feed.close()


def test_tls_is_served_with_the_declared_certificate(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path)
    write(tmp_path / "fed1", observed(pages.healthy()))
    served = Served(
        tmp_path,
        token_sha256=DIGEST,
        certificate=str(certificate),
        key=str(certificate),
    )
    try:
        served.becomes("/healthz", b"ok")
        assert served.status("/fed1/") == 401
    finally:
        served.feed.close()


def test_a_certificate_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    served = Served(tmp_path, certificate=str(tmp_path / "gone.pem"), key=str(tmp_path / "gone"))
    reports = served.heard(2)
    assert reports[0] == "the page's certificate or key cannot be used: No such file or directory"
    assert reports[1] == "the server of the page ended with exit code 1"
    served.feed.close()


def test_a_server_that_ended_is_started_again_and_one_ends_with_its_feed(served: Served) -> None:
    (first,) = children()
    os.kill(first, 9)
    assert served.heard(1) == ["the server of the page ended with exit code -9"]
    served.feed.tick(time.monotonic() + 3600)
    served.becomes("/fed1/", b"Degraded")
    (second,) = children()
    served.feed.close()
    assert second not in children()


def test_an_address_that_is_taken_is_an_error_of_the_step(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        plan = ServerPlan(PageSettings(port=other.getsockname()[1]), ("fed1",))
        feed = Feed(plan, {"fed1": tmp_path}, print)
        with pytest.raises(OSError, match="in use"):
            feed.tick(100.0)
        feed.tick(101.0)  # not again at once
        feed.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root can give it up")
def test_the_server_is_not_root_and_cannot_read_the_state(served: Served) -> None:
    (server,) = children()
    status = Path(f"/proc/{server}/status").read_text()
    ids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in ids
    assert Path(f"/proc/{server}/environ").read_bytes() == b""


def children() -> list[int]:
    """The servers that this process started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += (task / "children").read_text().split()
    named = [int(pid) for pid in found if b"watch.page.server" in command(pid)]
    return sorted(named)


def command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def test_an_observation_is_shown_as_it_was_written(served: Served) -> None:
    plain = to_builtins(pages.degraded())
    found = json.loads(served.ask("/fed1/status.json")[1])
    assert found["nodes"] == plain["nodes"]
    assert found["problems"] == plain["problems"]
