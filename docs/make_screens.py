"""Fills the manual with what commands really print, on a federation that runs meanwhile.

    python docs/make_screens.py            of federations on loopback; anyone can run it
    python docs/make_screens.py --bed      also the session, of the bed that is up (make federation)

On a page, a block after ``<!-- screen -->`` has what was typed in its first line; the rest is
replaced by what a terminal of 80 columns showed. The commands of a page are typed in its order;
those of other blocks are typed, and the block stays. ``pictures/`` has screens as rich draws them,
with their colours, and ``pictures.md`` shows all of them.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from rich.console import Console  # noqa: E402
from rich.text import Text  # noqa: E402
from tests.support import generator, playground  # noqa: E402
from tests.support.bed import Bed  # noqa: E402
from tests.support.local import LocalFederation  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402

PAGES = ("quickstart.md",)
FOLDER = HERE / "pictures"
PAGE = HERE / "pictures.md"
BLOCK = re.compile(
    r"(?P<begin>(?P<mark><!-- screen -->\n)?```console\n)pusher\$ (?P<typed>.+)\n[^`]*?```"
)
COLUMNS, LINES = 80, 60


@dataclass(frozen=True)
class Picture:
    """A screen: its name, what was typed, and what came, with the sequences that colour it."""

    name: str
    typed: str
    came: str
    about: str


def screen(typed: str, env: dict[str, str], columns: int = COLUMNS) -> str:
    """What a terminal shows, without the bar of progress, which is gone when a screen is there."""
    argv = ["bash", "--norc", "-c", re.sub(r"^mip ", "mip --quiet ", typed)]
    with Terminal(argv, env, columns=columns, lines=LINES) as terminal:
        terminal.ends()
        came = terminal.came.replace("\r\n", "\n")
    lines = came.replace(env["FED"], "$FED").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def filled(page: str, env: dict[str, str]) -> str:
    def block(found: re.Match[str]) -> str:
        shown = Text.from_ansi(screen(found["typed"], env)).plain
        if not found["mark"]:
            return found[0]
        return f"{found['begin']}pusher$ {found['typed']}\n{shown}\n```"

    return BLOCK.sub(block, page)


def of_a_federation() -> Iterator[Picture]:
    """A day of a federation whose second hospital has a bad file."""
    with LocalFederation(workers=3) as fed:
        generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
        for number, node in enumerate(fed.workers(), 1):
            generator.write(fed.data_path(node), generator.hospital(number, bad=number == 2))
        env = playground.environment(fed)

        def mip(name: str, line: str, about: str) -> Picture:
            return Picture(name, f"mip {line}", screen(f"mip {line}", env), about)

        yield mip("help", "--help", "All actions, by what they are about")
        yield mip("node-check", "node check", "All nodes respond")
        yield mip("consolidate", "data consolidate", "Problems come first")
        yield mip("compile", "data compile --pathology dementia", "The engine's databases")
        fed.kill("fed1-wk-h3")
        yield mip("node-check-down", "node check", "A worker is down")
        yield mip("problems", "status --problems", "What window 2 of the session shows")
        yield mip("describe", "describe wk2", "One node")
        yield mip(
            "disable",
            "node disable --node wk3 --reason 'its disk is replaced'",
            "A worker is excluded for some time",
        )
        yield mip("history", "history", "What was committed, when, by whom")
        yield mip("no-such-node", "node enable --node fed1-wk", "Names are compared whole")


def of_the_bed() -> Iterator[Picture]:
    """The session, with real logs of real services, where a bed is up."""
    bed = Bed.attach()

    def tmux(*argv: str) -> str:
        return str(bed.run("pusher", "tmux", *argv).stdout)

    bed.run("pusher", "mip", "node", "check")  # its sshd is known from then on
    bed.run("pusher", "mip", "deploy", timeout=300)
    bed.run("pusher", "mip", "tmux", "--force")
    tmux("resize-window", "-t", "fed1:1", "-x", str(COLUMNS), "-y", "30")
    until(lambda: "stand-in" in tmux("capture-pane", "-p", "-t", "fed1:1.0"))
    yield Picture("logs", "mip tmux, window 1", of_panes(tmux, "fed1:1"), "A pane for each node")
    until(lambda: "federation" in tmux("capture-pane", "-p", "-t", "fed1:2.1"))
    yield Picture("deploy", "mip tmux, window 2", of_panes(tmux, "fed1:2"), "The main tasks")


def of_panes(tmux: Callable[..., str], window: str) -> str:
    """A window as a person sees it: an outer tmux is the terminal."""
    tmux("-L", "outer", "new-session", "-d", "-x", str(COLUMNS), "-y", "31")
    try:
        tmux("-L", "outer", "send-keys", "clear; TMUX= tmux attach", "Enter")
        tmux("select-window", "-t", window)
        until(lambda: "fed1" in tmux("-L", "outer", "capture-pane", "-p"))
        time.sleep(2)  # the terminal is drawn
        return tmux("-L", "outer", "capture-pane", "-e", "-p")
    finally:
        tmux("-L", "outer", "kill-server")


def until(seen: Callable[[], bool]) -> None:
    for _ in range(120):
        if seen():
            return
        time.sleep(0.5)
    raise SystemExit("the session does not show what it should")


def drawn(came: str, title: str, name: str, columns: int = COLUMNS) -> str:
    """A screen as SVG."""
    console = Console(record=True, width=columns, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(came), soft_wrap=True)
    svg = console.export_svg(title=title, unique_id=name)
    # what a font is fetched from must not be asked
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono")


def make_pictures(pictures: Sequence[Picture]) -> None:
    FOLDER.mkdir(exist_ok=True)
    parts = ["# Pictures\n", "<!-- made by docs/make_screens.py -->\n"]
    parts.append("Real screens, of a federation with made-up data.\n")
    for picture in pictures:
        file = FOLDER / f"{picture.name}.svg"
        file.write_text(drawn(picture.came, picture.typed, picture.name), encoding="utf-8")
        parts += [f"## {picture.about}\n", f"![{picture.typed}]({file.relative_to(HERE)})\n"]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bed", action="store_true", help="also the session, of the bed")
    bed = parser.parse_args().bed
    for name in PAGES:
        with LocalFederation(workers=2) as fed:
            playground.fill(fed)
            path = HERE / name
            page = filled(path.read_text(encoding="utf-8"), playground.environment(fed))
            path.write_text(page, encoding="utf-8")
    make_pictures([*(of_the_bed() if bed else ()), *of_a_federation()])


if __name__ == "__main__":
    main()
