"""Makes ``pictures.md`` and ``pictures/``: real screens of a federation that runs meanwhile.

    python docs/pictures.py            of a federation on loopback; anyone can run it
    python docs/pictures.py --bed      also the session, of the bed that is up (make federation)

A screen is what the program wrote to a terminal of 80 columns. Its text goes into the page, and
rich draws it as SVG.
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
from tests.support import generator  # noqa: E402
from tests.support.bed import Bed  # noqa: E402
from tests.support.local import LocalFederation  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402

FOLDER = HERE / "pictures"
PAGE = HERE / "pictures.md"
COLUMNS, LINES = 80, 40
# without the bar of progress, which is gone when a screen is there
MIP = (sys.executable, "-m", "saltext_mip.console", "--quiet")


@dataclass(frozen=True)
class Picture:
    """A screen: its name, what was typed, and what came, with the sequences that colour it."""

    name: str
    typed: str
    came: str
    about: str = ""

    @property
    def text(self) -> str:
        plain = Text.from_ansi(self.came).plain
        return "\n".join(line.rstrip() for line in plain.splitlines()).strip("\n")


def at_a_terminal(argv: Sequence[str], env: dict[str, str]) -> str:
    """What a program writes to a terminal."""
    with Terminal(argv, env, columns=COLUMNS, lines=LINES) as terminal:
        terminal.ends()
        return terminal.came.replace("\r\n", "\n")


def of_a_federation() -> Iterator[Picture]:
    """A day of a federation whose second hospital has a bad file."""
    with LocalFederation(workers=3) as fed:
        generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
        for number, node in enumerate(fed.workers(), 1):
            generator.write(fed.data_path(node), generator.hospital(number, bad=number == 2))
        env = {
            **fed.env(),
            "SALT_CONFIG_DIR": str(fed.hosts["pusher"].config),
        }

        def mip(name: str, line: str, about: str = "") -> Picture:
            words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]
            came = at_a_terminal([*MIP, *words], env)
            return Picture(name, f"mip {line}", came.replace(str(fed.root), ""), about)

        yield mip("help", "--help", "All actions, by what they are about")
        yield mip("node-check", "node check", "Who is there")
        yield mip("consolidate", "data consolidate", "What is wrong comes first")
        yield mip("compile", "data compile --pathology dementia", "The engine's databases")
        fed.kill("fed1-wk-h3")
        yield mip("node-check-down", "node check", "A worker is down")
        yield mip("problems", "status --problems", "What window 2 of the session shows")
        yield mip("describe", "describe wk2", "One node")
        yield mip("disable", "node disable --node wk3 --reason 'its disk is replaced'")
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
    yield Picture("logs", "mip tmux, window 1", of_panes(tmux, "fed1:1"), "A pane a node")
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


def drawn(picture: Picture) -> Path:
    """The file that the page shows."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(picture.came.strip("\n")), soft_wrap=True)
    svg = console.export_svg(title=picture.typed, unique_id=picture.name)
    # what a font is fetched from must not be asked
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    file = FOLDER / f"{picture.name}.svg"
    file.write_text(svg, encoding="utf-8")
    return file


def page(pictures: Sequence[tuple[Picture, Path]]) -> str:
    parts = ["# Pictures\n", "<!-- made by docs/pictures.py -->\n"]
    parts.append("Real screens, of a federation with made-up data.\n")
    for picture, file in pictures:
        title = picture.about or picture.typed
        parts += [f"## {title}\n", f"![{picture.typed}]({file.relative_to(HERE)})\n"]
        fence = f"```console\n$ {picture.typed}\n{picture.text}\n```\n"
        parts.append(fence)
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bed", action="store_true", help="also the session, of the bed")
    bed = parser.parse_args().bed
    FOLDER.mkdir(exist_ok=True)
    pictures = [*(of_the_bed() if bed else ()), *of_a_federation()]
    PAGE.write_text(page([(picture, drawn(picture)) for picture in pictures]), encoding="utf-8")


if __name__ == "__main__":
    main()
