"""The pages that the server has, and its answers: who gets which, made with Tornado.

It reads no files: a :class:`Site` is given what it shows, and tells ``report`` of each kind of
refused request once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, NoReturn

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler

from saltext_mip import results
from saltext_mip.results import GenerationSummary, StatusResult, value_or
from saltext_mip.storage.state import UNREADABLE
from saltext_mip.watch.page import render
from saltext_mip.watch.page.access import host_of, is_token, key_of, linked_node, token_of
from saltext_mip.watch.page.settings import PageSettings
from saltext_mip.watch.page.source import Update, decode_generations, public_status
from saltext_mip.watch.page.view import is_stale, view

KEEP_ALIVE = 15.0  # seconds between two signs of life on a stream
STREAMS = 200  # readers at once that learn of each observation
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
#: Why a request is refused: the status code, and what its sender reads.
REFUSALS = {
    "method": (405, "GET and HEAD only"),
    "host": (421, "this host's name is not served here: see hosts in the pillar"),
    "token": (401, "a token is needed"),
    "link": (403, "this link is not valid, or its time is over"),
    "path": (404, "not found"),
    "readers": (503, "too many readers"),
}


@dataclass(frozen=True)
class Observation:
    """What is known of a federation; ``number`` grows with each change."""

    number: int = 0
    status: StatusResult | None = None
    generations: Sequence[GenerationSummary] = ()
    metrics: str = ""
    key: bytes | None = None
    json: bytes = b""

    @classmethod
    def of(cls, update: Update, number: int) -> Observation:
        """What cannot be read counts as not there."""
        status = _decoded(update.status, lambda value: results.parse("status", value))
        return cls(
            number,
            status,
            _decoded(update.generations, decode_generations) or (),
            update.metrics,
            key_of(update.key),
            public_status(status) if status else b"",
        )


def _decoded(text: str, decode: Callable[[Any], Any]) -> Any:
    try:
        return decode(json.loads(text)) if text else None
    except UNREADABLE:  # among them what msgspec raises
        return None


class Site:
    """The federations of one server, and who waits for news of them."""

    def __init__(
        self,
        settings: PageSettings,
        federations: Sequence[str],
        report: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.found = dict.fromkeys(federations, Observation())
        self.waiting: set[asyncio.Event] = set()
        self.now = now
        self._report = report
        self._reported: set[str] = set()
        self._made: dict[tuple[str, str], tuple[tuple[int, int], bytes]] = {}

    def update(self, update: Update) -> None:
        """Show this from now on, and tell the streams."""
        number = self.found[update.federation].number + 1
        self.found[update.federation] = Observation.of(update, number)
        for each in self.waiting:
            each.set()

    def report_once(self, kind: str, text: str) -> None:
        if kind not in self._reported:
            self._reported.add(kind)
            self._report(text)

    def page(self, name: str, node: str) -> bytes:
        """The page as it is in this second; made once for all readers."""
        found = self.found[name]
        now = self.now()
        moment = (found.number, int(now.timestamp()))
        known, made = self._made.get((name, node), (None, b""))
        if known != moment:
            if found.status is None:
                made = render.not_observed(name)
            else:
                made = render.page(view(found.status, found.generations, now, node=node))
            self._made[name, node] = (moment, made)
        return made

    def index(self) -> bytes:
        now = self.now()
        return render.index(
            [
                (name, view(each.status, (), now) if each.status else None)
                for name, each in self.found.items()
            ]
        )

    def metrics(self) -> bytes:
        """Those of all federations: each metric once, with the samples of all."""
        heads: dict[str, list[str]] = {}
        samples: dict[str, list[str]] = {}
        for each in self.found.values():
            name, first = "", False
            for line in each.metrics.splitlines():
                if line.startswith("# HELP "):
                    name = line.split(" ", 3)[2]
                    first = name not in heads
                    heads.setdefault(name, [])
                if line.startswith("#"):
                    heads[name] += [line] if first else []
                else:
                    samples.setdefault(name, []).append(line)
        lines = [line for name in heads for line in (*heads[name], *samples.get(name, ()))]
        return "".join(f"{line}\n" for line in lines).encode()

    def is_stale(self) -> bool:
        return any(is_stale(each.status, self.now()) for each in self.found.values())


def application(site: Site) -> Application:
    """The paths that there are."""
    shared = {"site": site}
    name, link = r"(?P<name>[A-Za-z0-9_.-]+)", r"link/(?P<link>[A-Za-z0-9_.-]{1,2000})"
    return Application(
        [
            (r"/", Index, shared),
            (r"/metrics", Metrics, shared),
            (r"/healthz", Health, shared),
            (r"/static/(?P<name>[a-z.]+)", Static, shared),
            (rf"/{name}", Folder, shared),
            (rf"/{name}/", Page, shared),
            (rf"/{name}/status\.json", Status, shared),
            (rf"/{name}/stream", Stream, shared),
            (rf"/{name}/{link}/", LinkedPage, shared),
            (rf"/{name}/{link}/stream", LinkedStream, shared),
        ],
        default_handler_class=NotFound,
        default_handler_args=shared,
        log_function=lambda _: None,
        compress_response=False,
    )


class Handler(RequestHandler):
    """What all answers have in common; ``open_to_all``: without a token."""

    open_to_all: ClassVar[bool] = False

    def initialize(self, site: Site) -> None:
        self.site = site

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        if self.request.method not in ("GET", "HEAD"):
            self.refuse("method")
        if host_of(self.request.headers.get("Host", "")) not in self.site.settings.names:
            self.refuse("host")
        digest = self.site.settings.token_sha256
        if digest and not self.open_to_all:
            sent = self.request.headers.get("Authorization", "")
            if not is_token(token_of(sent), digest):
                self.refuse("token", quiet=not sent)  # a browser asks without one first

    def refuse(self, kind: str, *, quiet: bool = False) -> NoReturn:
        """Answer with that refusal; the first of each kind is reported."""
        code, text = REFUSALS[kind]
        if not quiet:
            self.site.report_once(
                kind,
                f"the page refused a request ({code}, {text}); further ones are not reported",
            )
        raise HTTPError(code, reason=None)

    def observed(self, name: str) -> Observation:
        if name not in self.site.found:
            self.refuse("path")
        return self.site.found[name]

    def send(self, content: bytes, kind: str) -> None:
        self.set_header("Content-Type", kind)
        self.finish(content)

    def send_page(self, content: bytes) -> None:
        self.send(content, "text/html; charset=utf-8")

    def head(self, *args: str, **kwargs: str) -> Any:
        """As GET: Tornado leaves the content out."""
        return self.get(*args, **kwargs)

    def write_error(self, status_code: int, **_: Any) -> None:
        text = next((t for code, t in REFUSALS.values() if code == status_code), "failed")
        if status_code == 405:
            self.set_header("Allow", "GET, HEAD")
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="mip", charset="UTF-8"')
        self.send(f"{status_code}: {text}\n".encode(), "text/plain; charset=utf-8")

    def log_exception(self, _: Any, value: BaseException | None, __: Any) -> None:
        if not isinstance(value, HTTPError):
            kind = type(value).__name__
            self.site.report_once(kind, f"the page failed with an internal error ({kind})")


class NotFound(Handler):
    def prepare(self) -> None:
        super().prepare()
        self.refuse("path")


class Index(Handler):
    def get(self) -> None:
        self.send_page(self.site.index())


class Folder(Handler):
    def get(self, name: str) -> None:
        self.observed(name)
        self.redirect(f"/{name}/", permanent=True)


class Page(Handler):
    def get(self, name: str) -> None:
        self.observed(name)
        self.send_page(self.site.page(name, ""))


class Status(Handler):
    def get(self, name: str) -> None:
        if not (found := self.observed(name).json):
            self.refuse("path")
        self.send(found, "application/json")


class Metrics(Handler):
    def get(self) -> None:
        self.send(self.site.metrics(), "text/plain; version=0.0.4; charset=utf-8")


class Health(Handler):
    open_to_all = True

    def get(self) -> None:
        stale = self.site.is_stale()
        self.set_status(503 if stale else 200)
        self.send(b"stale\n" if stale else b"ok\n", "text/plain; charset=utf-8")


class Static(Handler):
    open_to_all = True

    def get(self, name: str) -> None:
        if name not in STATIC:
            self.refuse("path")
        self.set_header("Cache-Control", "no-cache")
        self.send(render.static(name), STATIC[name])


class Stream(Handler):
    """Tells of each observation, and in between that it is still there."""

    def __init__(self, application: Application, request: HTTPServerRequest, **more: Any) -> None:
        self._news = asyncio.Event()
        self._gone = False
        super().__init__(application, request, **more)

    async def get(self, name: str) -> None:
        self.observed(name)
        await self.follow(name)

    async def follow(self, name: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        if self.request.method == "HEAD":
            return
        if len(self.site.waiting) >= STREAMS:
            self.refuse("readers")
        self.site.waiting.add(self._news)
        known = -1
        try:
            while not self._gone:
                self._news.clear()
                found = self.site.found[name]
                self.write(
                    ": \n\n"
                    if found.number == known
                    else f"event: observed\ndata: {_at(found)}\n\n"
                )
                known = found.number
                await self.flush()
                try:
                    await asyncio.wait_for(self._news.wait(), KEEP_ALIVE)
                except TimeoutError:
                    continue
        except StreamClosedError:
            return
        finally:
            self.site.waiting.discard(self._news)

    def on_connection_close(self) -> None:
        self._gone = True
        self._news.set()


def _at(found: Observation) -> str:
    observed = value_or(found.status.observed, None) if found.status else None
    return observed.at if observed else ""


class LinkedPage(Handler):
    open_to_all = True

    def get(self, name: str, link: str) -> None:
        self.send_page(self.site.page(name, _node(self, name, link)))


class LinkedStream(Stream):
    open_to_all = True

    async def get(self, name: str, link: str) -> None:  # type: ignore[override]
        _node(self, name, link)
        await self.follow(name)


def _node(handler: Handler, name: str, link: str) -> str:
    """The node that the link is for; any other link is refused, also of an unknown federation."""
    found = handler.site.found.get(name, Observation())
    node = linked_node(found.key, name, link, handler.site.now().timestamp())
    if node is None:
        handler.refuse("link")
    return node
