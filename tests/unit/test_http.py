"""The session of all outgoing requests, against real servers that misbehave on purpose.

Deadlines are tested by what the client does, never by how long it took: a server that would go on
for ever, and a test that ends.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import ssl
import threading
import zlib
from pathlib import Path

import pytest
import requests

from saltext_mip import http
from tests.support import certificates
from tests.support.bad_server import HEAD, MB, Answer, Server, body, bomb, serving
from tests.support.limited import limited


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_an_answer_is_what_requests_has_of_it() -> None:
    with serving(body(b'{"a": "\xc3\xa9"}', "X-One: 1")) as server, http.Session(max_size=100) as s:
        answer = s.get(server.url)
    assert answer.json() == {"a": "é"}
    assert answer.text == '{"a": "é"}'
    assert answer.headers["X-One"] == "1"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3 * MB])
def test_a_compressed_answer_is_decompressed(size: int) -> None:
    content = (b"0123456789" * (size // 10 + 1))[:size]
    packed = gzip.compress(content)
    with serving(body(packed, "Content-Encoding: gzip")) as server:
        with http.Session(max_size=max(size, len(packed))) as session:
            assert session.get(server.url).content == content
        assert b"Accept-Encoding: gzip\r\n" in server.requests[0]


def test_a_chunked_answer_is_put_together() -> None:
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    answer = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    with serving(lambda sock: sock.sendall(answer)) as server, http.Session(max_size=5) as session:
        assert session.get(server.url).content == b"abcde"


def test_a_connection_serves_one_exchange_after_the_other() -> None:
    def twice(sock: socket.socket) -> None:
        body(b"one", "Connection: keep-alive")(sock)
        sock.recv(65536)
        body(b"two")(sock)

    with serving(twice) as server, http.Session(max_size=3) as session:
        assert session.get(server.url).content == b"one"
        assert session.post(server.url, data=b"x").content == b"two"
        assert len(server.requests) == 1


# -- time


def endless(server: Server, where: str) -> Answer:
    """An answer that goes on for ever, a little at a time: no single read takes long."""
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    parts = {
        "the status line": (b"HTTP/1.1 200 ", b"O"),
        "the headers": (HEAD, b"X-Header: 1\r\nX-"),
        "one header": (HEAD + b"X: ", b"x"),
        "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "the body": (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        "a body without a length": (HEAD + b"\r\n", b"x"),
        "chunks": (chunked, b"1\r\nx\r\n"),
        "a chunk's size": (chunked, b"0"),
        "trailers": (chunked + b"0\r\n", b"X: 1\r\n"),
        "a redirect's body": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"x"),
        "an error's body": (b"HTTP/1.1 500 Oh\r\n\r\n", b"x"),
        "nothing": (b"", b""),
    }
    return lambda sock: server.drip(sock, *parts[where])


@pytest.mark.parametrize(
    "where",
    [
        "the status line",
        "one header",
        "interim answers",
        "the body",
        "a body without a length",
        "chunks",
        "a chunk's size",
        "trailers",
        "a redirect's body",
        "an error's body",
        "nothing",
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_drips_ends_at_the_deadline(
    where: str, tls: bool, certificate: tuple[Path, Path]
) -> None:
    context = server_context(certificate[0]) if tls else None
    with serving(lambda _: None, context=context) as server:
        server.answer = endless(server, where)
        with (
            http.Session(timeout=0.4, max_size=MB) as session,
            pytest.raises(http.DeadlineExceeded, match=r"0\.4 s"),
        ):
            session.get(server.url, verify=str(certificate[1]))


def test_headers_without_end_end() -> None:
    with serving(lambda _: None) as server:
        server.answer = endless(server, "the headers")
        with (
            http.Session(timeout=60, max_size=MB) as session,
            pytest.raises(requests.RequestException),
        ):
            session.get(server.url)
        assert server.left.wait(60)


def test_a_request_that_nobody_reads_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, http.Session(max_size=1) as session:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(http.DeadlineExceeded):
            session.post(url, data=b"x" * (64 * MB), timeout=0.5)


def test_a_handshake_that_drips_ends_at_the_deadline() -> None:
    closing = threading.Event()

    def drip() -> None:
        peer, _ = listening.accept()
        record = b"\x16\x03\x03\x40\x00"  # of a handshake, with 16 kB to come
        with peer, contextlib.suppress(OSError):
            peer.sendall(record)
            while not closing.wait(0.02):
                peer.sendall(b"\x02")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        with http.Session(timeout=0.4, max_size=1) as session, pytest.raises(requests.Timeout):
            session.get(url)
        closing.set()


def test_a_request_has_a_deadline_of_its_own_where_it_names_one() -> None:
    with serving(lambda _: None) as server:
        server.answer = endless(server, "the body")
        with http.Session(timeout=3600, max_size=MB) as session:
            for timeout in (0.2, (0.2, 0.2)):
                with pytest.raises(http.DeadlineExceeded):
                    session.get(server.url, timeout=timeout)


def test_a_proxy_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: None) as proxy:
        proxy.answer = endless(proxy, "one header")
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with http.Session(timeout=0.4, max_size=MB) as session:
            for scheme in ("http", "https"):
                with pytest.raises(http.DeadlineExceeded):
                    session.get(f"{scheme}://server.invalid/")
        assert proxy.requests[1].startswith(b"CONNECT server.invalid:443 ")
        with (
            http.Session(timeout=5, max_size=MB, proxies=False) as session,
            pytest.raises(requests.ConnectionError),
        ):
            session.get("http://server.invalid/")
        assert len(proxy.requests) == 2


# -- size


IMPORTS = "from saltext_mip import http"
GET = """
try:
    with http.Session(timeout=240, max_size=32 << 20) as session:
        print(len(session.get(sys.argv[1]).content))
except http.TooLarge as error:
    print(error)
"""


def test_a_gzip_bomb_stops_at_the_limit() -> None:
    with serving(body(bomb(300 * MB), "Content-Encoding: gzip")) as server:
        assert (
            limited(150, IMPORTS, GET, server.url) == "the response is larger than 33554432 bytes"
        )


def test_what_the_limit_allows_fits_into_that_memory() -> None:
    with serving(body(bomb(32 * MB), "Content-Encoding: gzip")) as server:
        assert limited(150, IMPORTS, GET, server.url) == str(32 * MB)


@pytest.mark.parametrize("head", ["", "Transfer-Encoding: chunked", "Content-Encoding: gzip"])
def test_a_huge_body_stops_at_the_limit(head: str) -> None:
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n" if "chunked" in head else bytes(65536)
    if "gzip" in head:  # that does not compress
        chunk = gzip.compress(os.urandom(64 * MB))

    def flood(sock: socket.socket) -> None:
        sock.sendall(HEAD + (f"{head}\r\n" if head else "").encode() + b"\r\n")
        while not server.closing.is_set():
            sock.sendall(chunk)

    with serving(flood) as server:
        assert "larger" in limited(150, IMPORTS, GET, server.url)
        assert server.left.wait(60)


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    def announce(sock: socket.socket) -> None:
        server.drip(sock, HEAD + b"Content-Length: 11\r\n\r\n", b"")

    with (
        serving(announce) as server,
        http.Session(timeout=3600, max_size=10) as session,
        pytest.raises(http.TooLarge),
    ):
        session.get(server.url)


def test_a_body_is_taken_up_to_the_limit() -> None:
    with serving(body(b"x" * 10)) as server:
        with http.Session(max_size=10) as session:
            assert session.get(server.url).content == b"x" * 10
        with http.Session(max_size=9) as session, pytest.raises(http.TooLarge):
            session.get(server.url)


PACKED = gzip.compress(b"hello", mtime=0)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", b"hello"),
        ("gzip", PACKED[:-1]),
        ("gzip", PACKED[:-8]),
        ("gzip", PACKED + PACKED),
        ("gzip", PACKED + b"x"),
        ("gzip, gzip", gzip.compress(PACKED, mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("br", b"hello"),
    ],
)
def test_what_is_not_compressed_as_it_should_be_is_an_error(encoding: str, content: bytes) -> None:
    with (
        serving(body(content, f"Content-Encoding: {encoding}")) as server,
        http.Session(max_size=1000) as session,
        pytest.raises(requests.exceptions.ContentDecodingError),
    ):
        session.get(server.url)


def test_an_answer_that_is_cut_short_is_an_error() -> None:
    answer = HEAD + b"Content-Length: 10\r\n\r\nabc"
    with (
        serving(lambda sock: sock.sendall(answer)) as server,
        http.Session(max_size=1000) as session,
        pytest.raises(requests.ConnectionError),
    ):
        session.get(server.url)


# -- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_to_another_port_is_not_followed(status: int, method: str) -> None:
    with serving(body(b"secret")) as other, serving(lambda _: None) as server:
        server.answer = body(b"", f"Location: {other.url}", status=f"{status} There")
        for redirects in (0, 3):
            with (
                http.Session(max_size=1000, redirects=redirects) as session,
                pytest.raises(http.RedirectRefused) as refused,
            ):
                session.request(method, server.url)
            assert refused.value.response is not None
            assert refused.value.response.status_code == status
        assert other.requests == []


def test_a_redirect_to_the_same_host_is_followed_only_where_that_is_wanted() -> None:
    def answer(sock: socket.socket) -> None:
        first = server.requests[-1].startswith(b"GET / ")
        (body(b"", "Location: /there", status="302 Found") if first else body(b"here"))(sock)

    with serving(answer) as server:
        with http.Session(max_size=1000, redirects=1) as session:
            assert session.get(server.url).content == b"here"
        with http.Session(max_size=1000) as session, pytest.raises(http.RedirectRefused):
            session.get(server.url)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("target", "follows"),
    [
        ("/x", True),
        ("https://127.0.0.1/x", True),
        ("https://127.0.0.1:{port}/x", True),
        ("https://127.0.0.1:22/x", False),
        ("http://127.0.0.1/x", False),
        ("http://user@127.0.0.1:{port}/x", False),
        ("http://localhost:{port}/x", False),
        ("ftp://127.0.0.1:{port}/x", False),
        ("http://127.0.0.1:99999999/x", False),
        ("http://[bad", False),
    ],
)
def test_where_a_redirect_of_the_same_host_may_lead(target: str, follows: bool) -> None:
    asked = []

    class Seen(http.Session):
        def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
            asked.append(request.url)
            if len(asked) > 1:
                raise requests.ConnectionError
            return super().send(request, **options)

    with serving(lambda _: None) as server:
        where = target.format(port=server.port)
        server.answer = body(b"", f"Location: {where}", status="302 Found")
        wanted = requests.ConnectionError if follows else http.RedirectRefused
        with Seen(max_size=1000, redirects=1) as session, pytest.raises(wanted):
            session.get(server.url)
    assert (len(asked) == 2) is follows


def test_redirects_have_one_deadline() -> None:
    """Each is answered at once; without an end together."""
    with serving(body(b"", "Location: /", status="302 Found")) as server:
        ticks = iter(range(1000))
        with (
            http.Session(
                timeout=30, max_size=10, redirects=900, clock=lambda: float(next(ticks))
            ) as session,
            pytest.raises(http.DeadlineExceeded),
        ):
            session.get(server.url)
        assert len(server.requests) < 30


# -- trust


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A server's PEM file for 127.0.0.1, and its CA file: it signs itself."""
    return certificates.self_signed(tmp_path_factory.mktemp("tls"))


def server_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_certificate_is_verified(certificate: tuple[Path, Path]) -> None:
    context = server_context(certificate[0])
    with (
        serving(body(b"here"), context=context) as server,
        http.Session(max_size=1000) as session,
    ):
        with pytest.raises(requests.exceptions.SSLError):
            session.get(server.url)
        assert session.get(server.url, verify=str(certificate[1])).content == b"here"


def test_verification_cannot_be_switched_off(certificate: tuple[Path, Path]) -> None:
    with serving(body(b"here"), context=server_context(certificate[0])) as server:
        with http.Session(max_size=1000) as session, pytest.raises(ValueError, match="verified"):
            session.get(server.url, verify=False)
        with http.Session(max_size=1000) as session:
            session.verify = False
            with pytest.raises(ValueError, match="verified"):
                session.get(server.url)
        assert server.requests == []


def test_passwords_of_this_machine_are_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(body(b"")) as server, http.Session(max_size=10) as session:
        session.get(server.url)
    assert b"authorization" not in server.requests[0].lower()


def test_connections_are_refused_as_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        http.Session(max_size=10) as session,
        pytest.raises(requests.ConnectionError, match="refused"),
    ):
        session.get(f"http://127.0.0.1:{port}/")


def test_this_is_the_only_way_out() -> None:
    """No other module opens a session, or a request, of its own."""
    package = Path(http.__file__).parent
    ways = ("requests.Session(", "requests.get(", "requests.post(", "requests.request(", "urlopen(")
    ways += ("http.client", "import httpx", "PoolManager(", "salt.utils.http")
    found = [
        path.name
        for path in package.rglob("*.py")
        if path.name != "http.py" and any(way in path.read_text("utf-8") for way in ways)
    ]
    assert found == []
