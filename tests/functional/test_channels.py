"""Notices to real servers: https with a certificate of its own, and SMTP with and without TLS."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from saltext_mip.secret import Secret
from saltext_mip.watch import channels
from saltext_mip.watch.outbox import Notice, SendFailed
from saltext_mip.watch.settings import Channel, Heartbeat
from tests.support.certificates import self_signed

TOKEN = "token-8f2c"
NOTICE = Notice(
    number=7,
    federation="fed1",
    channel="oncall",
    subject="fed1 PROBLEM: Served (NotServing)",
    text="Federation fed1\n\nPROBLEM: Served NotServing\n  Zürich <script>\n",
    made=0.0,
)


class Inbox:
    """What a mail server takes."""

    def __init__(self, reply: str = "250 OK") -> None:
        self.reply = reply
        self.mails: list[Message] = []
        self.recipients: list[list[str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.reply.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.recipients.append(envelope.rcpt_tos)
        return self.reply


@contextmanager
def mail_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    server.start()
    try:
        yield port
    finally:
        server.stop()


def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


def error(channel: Channel) -> str:
    with pytest.raises(SendFailed) as failed:
        channels.send(channel, NOTICE)
    assert TOKEN not in str(failed.value)
    return str(failed.value)


@dataclass
class Posted:
    """What an HTTP server got."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def https(
    certificate: tuple[Path, Path] | None,
    code: int = 204,
    before: Callable[[], object] = lambda: None,
) -> Iterator[Posted]:
    """A server that answers each request with that status; ``before`` is called before it does."""
    posted = Posted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            posted.requests.append((self.command, self.path, dict(self.headers), content))
            before()
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        server.socket = context(certificate[0]).wrap_socket(server.socket, server_side=True)
    scheme = "https" if certificate else "http"
    posted.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/{TOKEN}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chat(posted: Posted, certificate: tuple[Path, Path]) -> Channel:
    return Channel("chat", Secret(posted.url), ca_file=str(certificate[1]))


def test_https_gets_the_notice_as_json_with_its_id(certificate: tuple[Path, Path]) -> None:
    with https(certificate) as posted:
        channels.send(chat(posted, certificate), NOTICE)
    ((method, path, headers, content),) = posted.requests
    assert (method, path, headers["X-Mip-Notice"]) == ("POST", f"/{TOKEN}", "fed1-7")
    assert json.loads(content) == {
        "federation": "fed1",
        "notice": "fed1-7",
        "subject": NOTICE.subject,
        "text": NOTICE.text,
    }


def test_no_address_is_logged_even_where_salt_logs_all(
    certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with https(certificate) as posted:
        channels.send(chat(posted, certificate), NOTICE)
    with https(None) as beats:
        channels.beat(Heartbeat(Secret(beats.url), 300.0))
    assert (len(posted.requests), len(beats.requests)) == (1, 1)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("code", [500, 404])
def test_https_that_refuses_it_is_an_error(certificate: tuple[Path, Path], code: int) -> None:
    with https(certificate, code) as posted:
        assert str(code) in error(chat(posted, certificate))


def test_a_redirect_is_not_followed(certificate: tuple[Path, Path]) -> None:
    with https(certificate, 302) as posted:
        assert "RedirectRefused" in error(chat(posted, certificate))
    assert len(posted.requests) == 1


def test_a_certificate_of_nobody_is_not_accepted(certificate: tuple[Path, Path]) -> None:
    with https(certificate) as posted:
        strange = Channel("chat", Secret(posted.url))
        assert error(strange) == "the TLS certificate of the server is not accepted"
    assert posted.requests == []


def test_a_port_where_nobody_listens_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "no connection" in error(Channel("a", Secret(f"https://127.0.0.1:{port}/{TOKEN}")))
    assert "no connection" in error(
        Channel("b", Secret(f"smtp://u:{TOKEN}@127.0.0.1:{port}/?from=a@b.example&to=c@d.example"))
    )


def test_smtp_gets_a_mail_with_its_id() -> None:
    inbox = Inbox()
    with mail_server(inbox) as port:
        url = f"smtp://127.0.0.1:{port}/?from=mip@a.example&to=x@b.example,y@b.example"
        channels.send(Channel("oncall", Secret(url)), NOTICE)
    (mail,) = inbox.mails
    assert inbox.recipients == [["x@b.example", "y@b.example"]]
    assert mail["Subject"] == NOTICE.subject
    assert mail["X-Mip-Notice"] == "fed1-7"
    assert mail["Message-ID"] == "<fed1-7-oncall@a.example>"
    assert mail.get_content_type() == "text/plain"
    assert "Zürich <script>" in mail.get_payload(decode=True).decode()


def test_a_password_is_sent_over_tls_alone(certificate: tuple[Path, Path]) -> None:
    inbox, seen = Inbox(), []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    def channel(port: int) -> Channel:
        url = f"smtp://me:{TOKEN}@127.0.0.1:{port}/?from=mip@a.example&to=x@b.example"
        return Channel("oncall", Secret(url), ca_file=str(certificate[1]))

    with mail_server(inbox, authenticator=authenticate, auth_require_tls=False) as port:
        assert "offers no TLS" in error(channel(port))
    assert (seen, inbox.mails) == ([], [])
    with mail_server(
        inbox, authenticator=authenticate, tls_context=context(certificate[0])
    ) as port:
        channels.send(channel(port), NOTICE)
    assert seen == [(b"me", TOKEN.encode())]
    assert len(inbox.mails) == 1


def test_smtps(certificate: tuple[Path, Path]) -> None:
    inbox = Inbox()
    with mail_server(inbox, ssl_context=context(certificate[0])) as port:
        url = f"smtps://127.0.0.1:{port}/?from=mip@a.example&to=x@b.example"
        channels.send(Channel("oncall", Secret(url), ca_file=str(certificate[1])), NOTICE)
    assert len(inbox.mails) == 1


def test_a_mail_server_that_refuses_it_is_an_error() -> None:
    inbox = Inbox("451 try later")
    with mail_server(inbox) as port:
        url = f"smtp://127.0.0.1:{port}/?from=mip@a.example&to=x@b.example"
        assert error(Channel("oncall", Secret(url))) == "the mail server refused it with code 451"


@pytest.mark.parametrize("url", ["smtp://h/", "smtp://h/?from=a@b", "smtp://h:x/?from=a@b&to=c@d"])
def test_an_address_that_is_not_complete_is_an_error_that_shows_the_form(url: str) -> None:
    assert "?from=ADDRESS&to=ADDRESS" in error(Channel("oncall", Secret(url)))


def test_what_needs_apprise_reports_how_to_install_it() -> None:
    try:
        import apprise  # noqa: F401
    except ImportError:
        assert "saltext-mip[notify]" in error(Channel("chat", Secret(f"mmosts://h/{TOKEN}")))
    else:
        assert "Apprise" in error(Channel("chat", Secret(f"nosuchservice://h/{TOKEN}")))


def test_a_heartbeat_is_a_get() -> None:
    with https(None) as posted:
        channels.beat(Heartbeat(Secret(posted.url), 300.0))
    assert [each[:2] for each in posted.requests] == [("GET", f"/{TOKEN}")]
    with pytest.raises(SendFailed, match="no connection"):
        channels.beat(Heartbeat(Secret(posted.url), 300.0))
