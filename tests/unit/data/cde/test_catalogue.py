"""The data catalogue's client against a real server that misbehaves as asked."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from saltext_mip.data.cde.catalogue import Catalogue, CatalogueAddress, CatalogueError
from saltext_mip.data.cde.model import parse
from tests.support import cdes
from tests.support.bad_server import MB, bomb

CDE = cdes.content(datasets=["edsd"], label="Démence β")


class Server:
    """Answers each path by the function that ``answers`` has for it, else with 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers)))
                with suppress(OSError):  # the client may have gone
                    outer.answers.get(self.path, lambda handler: reply(handler, 404))(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def catalogue(self, **more: Any) -> Catalogue:
        return Catalogue("http", f"127.0.0.1:{self.port}", **more)

    def has(self, pathology: str, body: Any, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path(pathology)] = lambda handler: reply(handler, status, content, **headers)

    def close(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()


def path(pathology: str) -> str:
    return f"/pathology/allPathologies/{pathology}/latest_cde_version"


def reply(
    handler: BaseHTTPRequestHandler, status: int, content: bytes = b"", **headers: str
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    yield made
    made.close()


# -- what it has


def test_a_cde_is_taken_byte_for_byte(server: Server) -> None:
    server.has("dementia", CDE)
    assert server.catalogue().cde("dementia") == CDE


def test_a_cde_in_a_string_is_taken_out_of_it(server: Server) -> None:
    server.has("dementia", {"version": 3, "jsonString": CDE.decode()})
    content = server.catalogue().cde("dementia")
    assert content is not None
    assert parse(content, pathology="dementia").label == "Démence β"


def test_it_is_asked_as_its_protocol_says(server: Server) -> None:
    server.has("dementia", CDE)
    server.catalogue().cde("dementia")
    asked, headers = server.asked[0]
    assert asked == "/pathology/allPathologies/dementia/latest_cde_version"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Requested-With"] == "XMLHttpRequest"


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("mental health", "mental%20health"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("démence", "d%C3%A9mence"),
        ("50%", "50%25"),
        ("$(id)", "%24%28id%29"),
        ("{{ x }}", "%7B%7B%20x%20%7D%7D"),
    ],
)
def test_names_are_quoted(server: Server, name: str, quoted: str) -> None:
    server.has(quoted, CDE)
    assert server.catalogue().cde(name) == CDE


def test_several_are_asked_at_once(server: Server) -> None:
    together = threading.Barrier(3, timeout=20)

    def wait(handler: BaseHTTPRequestHandler) -> None:
        together.wait()
        reply(handler, 200, CDE)

    for name in "abc":
        server.answers[path(name)] = wait
    answers = server.catalogue().cdes(["c", "a", "b", "a"])
    assert list(answers) == ["c", "a", "b"]
    assert {answer.content for answer in answers.values()} == {CDE}


def test_more_than_are_asked_at_once_are_all_answered(server: Server) -> None:
    for n in range(30):
        server.has(f"p{n}", {**cdes.tree(), "n": n})
    answers = server.catalogue().cdes(f"p{n}" for n in range(30))
    assert [json.loads(a.content or b"")["n"] for a in answers.values()] == list(range(30))


def test_nothing_is_asked_where_nothing_is_wanted(server: Server) -> None:
    assert server.catalogue().cdes([]) == {}
    assert server.asked == []


# -- what it has not


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"jsonString": None}, "but no CDE for it"),
        ({"jsonString": 7}, "not a CDE"),
        ({"jsonString": ["x"]}, "not a CDE"),
        ({"jsonString": " "}, "not a CDE"),
        ({"status": "error"}, "not a CDE"),
        ([], "not a JSON object"),
        (None, "not a JSON object"),
        (b"<html>Sign in</html>", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_any_other_answer_means_that_it_has_none(server: Server, body: Any, reason: str) -> None:
    server.has("dementia", body)
    answer = server.catalogue().cdes(["dementia"])["dementia"]
    assert answer.content is None
    assert reason in str(answer.reason)


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 500, 503])
def test_any_other_status_means_that_it_has_none(server: Server, status: int) -> None:
    server.has("dementia", b"" if status == 204 else CDE, status)
    answer = server.catalogue().cdes(["dementia"])["dementia"]
    assert (answer.content, answer.reason) == (None, f"it returns {status}")


def test_an_answer_that_is_too_large_is_not_taken(server: Server) -> None:
    server.has("dementia", CDE)
    exact = server.catalogue(max_size=len(CDE)).cdes(["dementia"])["dementia"]
    assert exact.content == CDE
    less = server.catalogue(max_size=len(CDE) - 1).cdes(["dementia"])["dementia"]
    assert less.content is None
    assert "larger" in str(less.reason)


def test_an_answer_may_be_compressed(server: Server) -> None:
    server.has("dementia", gzip.compress(CDE), **{"Content-Encoding": "gzip"})
    assert server.catalogue().cde("dementia") == CDE


def test_an_answer_that_inflates_is_not_taken(server: Server) -> None:
    server.has("dementia", bomb(100 * MB), **{"Content-Encoding": "gzip"})
    answer = server.catalogue(max_size=MB).cdes(["dementia"])["dementia"]
    assert answer.reason == f"the response is larger than {MB} bytes"


def test_an_endless_answer_ends(server: Server) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not server.closing.is_set():
            handler.wfile.write(b"x" * 65536)

    server.answers[path("dementia")] = endless
    answer = server.catalogue(max_size=1_000_000).cdes(["dementia"])["dementia"]
    assert "larger" in str(answer.reason)


# -- redirects


def test_a_redirect_within_the_catalogue_is_followed(server: Server) -> None:
    server.has("old", b"", 301, Location="/elsewhere")
    server.answers["/elsewhere"] = lambda handler: reply(handler, 200, CDE)
    assert server.catalogue().cde("old") == CDE


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/x",
        "http://127.0.0.1:{other}/x",
        "//127.0.0.2:{port}/x",
        "http://user:secret@127.0.0.1:{port}/x",
        "http://127.0.0.1:99999999/x",
        "ftp://127.0.0.1/x",
        "file:///etc/hostname",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(server: Server, target: str) -> None:
    other = Server()
    for each in (server, other):
        each.answers["/x"] = lambda handler: reply(handler, 200, CDE)
    where = target.format(port=server.port, other=other.port)
    server.has("dementia", b"", 302, Location=where)
    answer = server.catalogue().cdes(["dementia"])["dementia"]
    assert answer.content is None
    assert answer.reason == "its response is a redirect to another host"
    assert len(server.asked) == 1
    assert other.asked == []
    other.close()


@pytest.mark.parametrize("target", ["http://[bad", "//[x]:1/", "http://127.0.0.1:port/"])
def test_a_redirect_to_what_is_no_address_means_that_it_has_none(
    server: Server, target: str
) -> None:
    server.has("dementia", b"", 302, Location=target)
    answer = server.catalogue().cdes(["dementia"])["dementia"]
    assert answer.content is None
    assert answer.reason is not None
    assert answer.reason.startswith("its response is a redirect to ")


def test_redirects_in_a_circle_end(server: Server) -> None:
    server.has("dementia", b"", 302, Location=path("dementia"))
    answer = server.catalogue().cdes(["dementia"])["dementia"]
    assert answer.reason == "its response is a redirect loop"
    assert len(server.asked) < 10


# -- what is an error


def refused(catalogue: Catalogue, *names: str) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        catalogue.cdes(names or ["dementia"])
    assert catalogue.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caught.value.permanent
    return caught.value


def test_a_catalogue_that_is_down_is_a_temporary_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert "refused" in str(refused(Catalogue("http", f"127.0.0.1:{port}")))


def test_one_that_does_not_answer_in_time_is_an_error(server: Server) -> None:
    server.answers[path("dementia")] = lambda handler: server.closing.wait(30)
    assert "0.3 s" in str(refused(server.catalogue(timeout=0.3)))


@pytest.mark.parametrize("where", ["head", "body"])
def test_one_that_answers_a_byte_at_a_time_is_an_error(server: Server, where: str) -> None:
    left = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if where == "body":
            handler.send_response(200)
            handler.end_headers()
        try:
            while not server.closing.is_set():
                handler.wfile.write(b"x" * 65536 if where == "body" else b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            left.set()

    server.answers[path("dementia")] = drip
    refused(server.catalogue(timeout=0.5))
    # what cannot be read to its end is not read for ever either
    assert where == "head" or left.wait(30)


def test_one_that_accepts_and_is_silent_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        refused(Catalogue("http", f"127.0.0.1:{port}", timeout=0.3))


def test_one_that_hangs_up_in_the_middle_is_an_error(server: Server) -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CDE) + 10))
        handler.end_headers()
        handler.wfile.write(CDE)
        handler.close_connection = True

    server.answers[path("dementia")] = half
    refused(server.catalogue(timeout=20))


def test_one_that_speaks_something_else_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.sendall(b"\x1b[31mSSH-2.0\x07\r\n" * 3)

        threading.Thread(target=speak, daemon=True).start()
        port = listening.getsockname()[1]
        error = refused(Catalogue("http", f"127.0.0.1:{port}", timeout=20))
    assert str(error).isprintable()


def test_one_pathology_that_is_late_is_an_error_for_all(server: Server) -> None:
    server.has("a", CDE)
    server.answers[path("b")] = lambda handler: server.closing.wait(30)
    refused(server.catalogue(timeout=0.5), "a", "b")


# -- where it is


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("catalogue.example", "https://catalogue.example:8086"),
        ("catalogue.example:443", "https://catalogue.example:443"),
        ("10.0.0.1", "https://10.0.0.1:8086"),
        ("[fd00::1]", "https://[fd00::1]:8086"),
        ("[fd00::1]:80", "https://[fd00::1]:80"),
    ],
)
def test_a_host_without_a_port_means_8086(host: str, url: str) -> None:
    assert Catalogue("https", host).url == url


@pytest.mark.parametrize(
    ("protocol", "host"),
    [
        ("ftp", "x"),
        ("", "x"),
        ("file", "/etc"),
        ("http", ""),
        ("http", "x/y"),
        ("http", "user:secret@x"),
        ("http", "x:99999"),
        ("http", "x:y"),
        ("http", "fd00::1"),
        ("http", "x\r\nHost: y"),
        ("http", "x y"),
        ("http", "a..b"),
        ("http", ".."),
        ("http", "a" * 64),
        ("http", "[::1::2]"),
    ],
)
def test_what_is_no_address_is_refused(protocol: str, host: str) -> None:
    with pytest.raises(CatalogueAddress) as caught:
        Catalogue(protocol, host)
    assert str(caught.value).isprintable()
