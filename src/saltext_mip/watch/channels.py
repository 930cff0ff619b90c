"""Send one notice: by ``https://`` (JSON), ``smtp://`` and ``smtps://``, or what Apprise knows.

No error names an address: it may have a password or a token in it. The caller limits the time and
memory of the process; this module limits each exchange where it can.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from saltext_mip.watch.outbox import ContactRefused, Notice, SendFailed
from saltext_mip.watch.settings import Channel, Heartbeat

TIMEOUT = 20.0  # seconds of one exchange
ANSWER = 64 << 10  # bytes of an answer, which nobody reads
HEADER = "X-Mip-Notice"
SUBMISSION = {"smtp": 25, "smtps": 465}
LOGGERS = ("apprise", "urllib3.connectionpool")  # of libraries that log whole addresses


def send(channel: Channel, notice: Notice) -> None:
    """Send it, or raise :class:`SendFailed`."""
    with _unlogged():
        match channel.kind:
            case "https":
                _post(channel, notice)
            case "smtp" | "smtps":
                _mail(channel, notice)
            case _:
                _apprise(channel, notice)


def beat(heartbeat: Heartbeat) -> None:
    """Request the heartbeat's address, or raise :class:`SendFailed`."""
    with _unlogged():
        _exchange("GET", heartbeat.url.reveal())


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without the log of the libraries that send: at the level debug it has tokens in it."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [each.disabled for each in loggers]
    for each in loggers:
        each.disabled = True
    try:
        yield
    finally:
        for each, disabled in zip(loggers, before, strict=True):
            each.disabled = disabled


def _post(channel: Channel, notice: Notice) -> None:
    value = {
        "federation": notice.federation,
        "notice": notice.id,
        "subject": notice.subject,
        "text": notice.text,
    }
    _exchange(
        "POST",
        channel.url.reveal(),
        json=value,
        headers={HEADER: notice.id},
        verify=channel.ca_file or True,
    )


def _exchange(method: str, url: str, **options: object) -> None:
    import requests  # only where something is sent

    from saltext_mip.http import DeadlineExceeded, Session

    try:
        with Session(timeout=TIMEOUT, max_size=ANSWER) as session:
            response = session.request(method, url, **options)
    except DeadlineExceeded:
        raise SendFailed(f"no answer within {TIMEOUT:g} s") from None
    except requests.exceptions.SSLError:
        raise SendFailed("the TLS certificate of the server is not accepted") from None
    except requests.ConnectionError:
        raise SendFailed("no connection to the server") from None
    except (requests.RequestException, OSError, ValueError) as error:
        raise SendFailed(f"the server cannot be used ({type(error).__name__})") from None
    if not response.ok:
        raise SendFailed(f"the server answered with HTTP status {response.status_code}")


def _mail(channel: Channel, notice: Notice) -> None:
    try:
        url = urlsplit(channel.url.reveal())
        options = parse_qs(url.query, strict_parsing=True)
        sender, recipients = options["from"][0], ",".join(options["to"])
        port = url.port or SUBMISSION[channel.kind]
    except (ValueError, KeyError):
        raise SendFailed("its url is not smtp://HOST/?from=ADDRESS&to=ADDRESS") from None
    mail = EmailMessage()
    if notice.node:
        mail["Reply-To"] = recipients  # the operators
        recipients = ",".join(_addresses(channel, notice.node))
    mail["Subject"], mail["From"], mail["To"] = notice.subject, sender, recipients
    mail[HEADER] = notice.id
    mail["Message-ID"] = f"<{notice.id}-{channel.name}@{sender.rpartition('@')[2]}>"
    mail.set_content(notice.text)
    context = ssl.create_default_context(cafile=channel.ca_file)
    host = url.hostname or "localhost"
    try:
        if channel.kind == "smtps":
            with smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=context) as server:
                _submit(server, url, mail, notice.node)
        else:
            with smtplib.SMTP(host, port, timeout=TIMEOUT) as server:
                server.ehlo()
                if server.has_extn("starttls"):
                    server.starttls(context=context)
                elif url.username is not None:
                    raise SendFailed("the server offers no TLS: no password is sent without it")
                _submit(server, url, mail, notice.node)
    except smtplib.SMTPResponseException as error:
        raise SendFailed(f"the mail server refused it with code {error.smtp_code}") from None
    except smtplib.SMTPRecipientsRefused:
        raise SendFailed("the mail server refused the recipients") from None
    except ssl.SSLError:
        raise SendFailed("the TLS certificate of the mail server is not accepted") from None
    except TimeoutError:
        raise SendFailed(f"no answer within {TIMEOUT:g} s") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise SendFailed(f"no connection to the mail server ({type(error).__name__})") from None


def _addresses(channel: Channel, node: str) -> tuple[str, ...]:
    try:
        return channel.contacts[node]
    except KeyError:  # since this notice was made
        raise ContactRefused(f"the contact of {node} has no mail address") from None


def _submit(server: smtplib.SMTP, url: SplitResult, mail: EmailMessage, node: str) -> None:
    if url.username is not None:
        server.login(unquote(url.username), unquote(url.password or ""))
    try:
        server.send_message(mail)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError):
        if not node:
            raise
        raise ContactRefused(f"the mail server refused the mail to the contact of {node}") from None


def _apprise(channel: Channel, notice: Notice) -> None:
    try:
        import apprise
    except ImportError:
        raise SendFailed(
            f"{channel.kind}:// needs Apprise: salt-pip install 'saltext-mip[notify]'"
        ) from None
    service = apprise.Apprise()
    if not service.add(channel.url.reveal()):
        raise SendFailed("Apprise does not know its url")
    body = f"{notice.text}\n{HEADER}: {notice.id}"
    if not service.notify(title=notice.subject, body=body):
        raise SendFailed("Apprise did not deliver it")
