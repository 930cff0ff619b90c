"""The lines of ``mip`` that the manual has: each is run by a test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
# those by hand; the day first, since it tells a story
PAGES = ("day.md", "command.md", "console.md")


def lines(host: str) -> list[str]:
    """What is typed on that host (``pusher`` or ``node``), in the order of the pages.

    Nothing twice, but consolidations: what comes after them counts on them.
    """
    found: list[str] = []
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for line in re.findall(rf"^{host}\$ (mip .*?)(?:\s+#.*)?$", text, re.MULTILINE):
            if line not in found or line == "mip data consolidate":
                found.append(line)
    return found


def old() -> list[str]:
    """The first column of the table from the old command, as lines."""
    text = (DOCS / "command.md").read_text(encoding="utf-8")
    table = text.partition("## From the old command")[2].partition("## New")[0]
    rows = re.findall(r"^\| `(mip [^`]*)`", table, re.MULTILINE)
    return list(dict.fromkeys(rows))


def words(line: str) -> list[str]:
    """Without ``mip`` itself."""
    return shlex.split(line)[1:]
