"""Fills pages with what commands really print: ``python docs/make_screens.py``.

A block after ``<!-- screen -->`` has what was typed in its first line; the rest is replaced by
what a terminal of 80 columns showed, on a federation on loopback that runs meanwhile. The
commands of a page are typed in its order; those of other blocks are typed, and the block stays.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from rich.text import Text  # noqa: E402
from tests.support import playground  # noqa: E402
from tests.support.local import LocalFederation  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402

PAGES = ("quickstart.md",)
BLOCK = re.compile(
    r"(?P<begin>(?P<mark><!-- screen -->\n)?```console\n)pusher\$ (?P<typed>.+)\n[^`]*?```"
)
COLUMNS = 80


def screen(typed: str, env: dict[str, str]) -> str:
    """What a terminal shows, without colours and without the bar of progress that is gone."""
    argv = ["bash", "--norc", "-c", re.sub(r"^mip ", "mip --quiet ", typed)]
    with Terminal(argv, env, columns=COLUMNS, lines=60) as terminal:
        terminal.ends()
        plain = Text.from_ansi(terminal.came.replace("\r\n", "\n")).plain
    lines = [line.rstrip() for line in plain.splitlines()]
    return "\n".join(lines).strip("\n").replace(env["FED"], "$FED")


def filled(page: str, env: dict[str, str]) -> str:
    def block(found: re.Match[str]) -> str:
        shown = screen(found["typed"], env)
        if not found["mark"]:
            return found[0]
        return f"{found['begin']}pusher$ {found['typed']}\n{shown}\n```"

    return BLOCK.sub(block, page)


def main() -> None:
    for name in PAGES:
        with LocalFederation(workers=2) as fed:
            playground.fill(fed)
            path = HERE / name
            page = filled(path.read_text(encoding="utf-8"), playground.environment(fed))
            path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
