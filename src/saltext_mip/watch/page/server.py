"""The process that serves the page.

The feed starts it with two sockets: what it shows comes from the first, readers from the second. It
gives up root before the first of them, has no secret of the pillar in its memory, and ends when
the feed does.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import os
import pwd
import resource
import socket
import ssl
import struct
from pathlib import Path

from msgspec import Struct, json
from tornado.httpserver import HTTPServer

from saltext_mip.watch.page import render
from saltext_mip.watch.page.settings import PageSettings
from saltext_mip.watch.page.site import Site, application
from saltext_mip.watch.page.source import Update

USER = "nobody"
MEMORY = 512 << 20  # bytes that it may use in addition to what it has at its start
HEADERS = 16 << 10  # bytes of a request's headers
IDLE = 75.0  # seconds after which a connection without a request is closed
ENCODINGS = ("ascii", "idna", "latin-1", "utf-8")  # read from files when first used
FRAME = struct.Struct("!I")


class Begin(Struct, frozen=True):
    """The first message of the feed."""

    settings: PageSettings
    federations: tuple[str, ...]


def frame(message: object) -> bytes:
    """A message as it goes through the feed's socket."""
    content = json.encode(message)
    return FRAME.pack(len(content)) + content


def give_up_root(user: str = USER) -> None:
    """Become that user for ever; nothing where this process is not root's."""
    if os.geteuid() != 0:
        return
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def tls(settings: PageSettings) -> ssl.SSLContext | None:
    """The certificate, if there is one; a key with a passphrase is an error, not a question."""
    if not settings.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.certificate, settings.key, password="")
    return context


def main(feed: int, listening: int) -> None:
    """Serve until the feed ends."""
    os.umask(0o077)
    logging.getLogger("tornado").setLevel(logging.CRITICAL)  # what clients send is not logged
    with socket.socket(fileno=feed) as source, socket.socket(fileno=listening) as door:
        begin = json.decode(_received(source), type=Begin)
        try:
            context = tls(begin.settings)
        except OSError as error:  # among them those of TLS
            why = error.strerror or type(error).__name__
            source.sendall(f"the page's certificate or key cannot be used: {why}\n".encode())
            raise SystemExit(1) from None
        render.prepare()
        for name in ENCODINGS:
            codecs.lookup(name)
        _limit()
        give_up_root()
        asyncio.run(_serve(begin, source, door, context))


def _received(source: socket.socket) -> bytes:
    """One message, before the loop runs."""
    (length,) = FRAME.unpack(source.recv(FRAME.size, socket.MSG_WAITALL))
    return source.recv(length, socket.MSG_WAITALL)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


async def _serve(
    begin: Begin, source: socket.socket, door: socket.socket, context: ssl.SSLContext | None
) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=source)
    site = Site(begin.settings, begin.federations, lambda text: writer.write(f"{text}\n".encode()))
    server = HTTPServer(
        application(site),
        ssl_options=context,
        max_header_size=HEADERS,
        max_body_size=HEADERS,
        idle_connection_timeout=IDLE,
    )
    door.setblocking(False)
    server.add_sockets([door])
    try:
        while True:
            (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
            site.update(json.decode(await reader.readexactly(length), type=Update))
    except (asyncio.IncompleteReadError, ConnectionError):
        server.stop()  # the feed ended
    finally:
        writer.close()
