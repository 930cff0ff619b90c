"""The page as HTML: written from a view by templates that escape every text.

What could steer a terminal, reorder a line or fill the screen is escaped or cut before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltext_mip.results import GenerationSummary, StatusResult
from saltext_mip.text import shown
from saltext_mip.watch.page.model import Limits, PageView, State
from saltext_mip.watch.page.view import view

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
SNAPSHOT = 200_000  # bytes of a page that is one file, to be sent by mail
LONGEST = 1000  # characters of one text, whatever the limits of a page are

_UNKNOWN = State("warn", "Not known")
_NONE = State("good", "No problems")


@cache
def static(name: str) -> bytes:
    """A file that the page uses."""
    return (HERE / "static" / name).read_bytes()


def page(found: PageView, *, live: bool = True) -> bytes:
    """The page of a federation, as it is served; ``live``: with the script that refreshes it."""
    return _page(found, live=live, standalone=False)


def index(pages: Sequence[tuple[str, PageView | None]]) -> bytes:
    """The list of federations; ``None``: it was not observed yet."""
    return _render(
        "index.html", {"title": "Federations", "pages": pages, "live": False, "standalone": False}
    )


def not_observed(federation: str) -> bytes:
    """The page of a federation of which there is no observation yet."""
    values = {"title": federation, "federation": federation, "live": True, "standalone": False}
    return _render("not_observed.html", values)


def prepare() -> None:
    """Read all that the served pages are made of: later this process may not be allowed to."""
    for name in ("page.css", "page.js", "icon.svg"):
        static(name)
    for most in (LONGEST, Limits().text):
        for path in sorted((HERE / "templates").glob("*.html")):
            _environment(most).get_template(path.name)


def snapshot(
    status: StatusResult,
    generations: Sequence[GenerationSummary],
    now: datetime,
    *,
    node: str = "",
) -> bytes:
    """The page of a status made now as one file without a script, at most :data:`SNAPSHOT` bytes.

    With ``node`` (a minion id) the part of that node only. Of a very large federation fewer entries
    are shown; the page says how many are left out.
    """
    limits = Limits()
    while True:
        shown_now = view(status, generations, now, node=node, limits=limits, live=True)
        made = _page(shown_now, live=False, standalone=True)
        fewer = limits.halved()
        if len(made) <= SNAPSHOT or fewer == limits:
            return made
        limits = fewer


def _page(found: PageView, *, live: bool, standalone: bool) -> bytes:
    where = f"{found.node}, " if found.node else ""
    return _render(
        "federation.html",
        {
            "title": f"{where}{found.federation}: {found.summary.text}",
            "page": found,
            "live": live,
            "standalone": standalone,
        },
        most=found.limits.text,
    )


def _render(template: str, values: Mapping[str, Any], most: int = LONGEST) -> bytes:
    text = (
        _environment(most)
        .get_template(template)
        .render(not_known=_UNKNOWN, no_problems=_NONE, css=_css(), **values)
    )
    lines = (line.strip() for line in text.splitlines())
    return ("\n".join(line for line in lines if line) + "\n").encode("utf-8", "backslashreplace")


def _css() -> Any:
    from markupsafe import Markup

    return Markup(static("page.css").decode())  # noqa: S704 - a file of ours


@cache
def _environment(most: int) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        return shown(value, most)

    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
