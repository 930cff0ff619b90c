"""The lines that the manual has an operator type, on whatever page: each is run by a test.

They stand in console blocks after a prompt, in inline code and in tables. Where a line is run is
told here by what it needs, so that a new one is run, and must end well, without being named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# those by hand; the day first, since it tells a story. Pictures are made of lines that were run.
PAGES = (
    "day.md",
    "command.md",
    "console.md",
    *sorted(
        path.name
        for path in DOCS.glob("*.md")
        if path.name not in ("day.md", "command.md", "console.md", "pictures.md")
    ),
    "../README.md",
)
PROGRAMS = ("mip", "salt-run", "salt", "salt-call")
# what stands before the text in a console block: where it is typed
Host = Literal["pusher", "node"]
PROMPTS: Mapping[str, Host] = {"pusher$": "pusher", "node$": "node", "$": "node", "#": "pusher"}
Place = Literal["loopback", "terminal", "bed", "keycloak"]

# what a federation without Docker and sshd cannot do well
SERVICES = {"deploy", "start", "stop", "restart", "remove", "refresh", "logs", "wait", "approve"}
SERVICES |= {"node drain", "node undrain"}
SERVICES |= {"reject", "ssh", "tmux", "check", "services", "setup", "node check"}
SERVICES |= {f"service {each}" for each in SERVICES}
# what goes on until it is interrupted, or asks
AT_A_TERMINAL = {"-w", "--watch", "--review-dataset-labels", "review_dataset_labels=True"}


@dataclass(frozen=True)
class Line:
    """``text`` as it is typed on ``host``; ``page`` is where it stands first."""

    host: Host
    text: str
    page: str

    @property
    def words(self) -> list[str]:
        """All of them but the program's name; of a pipeline the first program's."""
        found = shlex.split(self.text)
        if "|" in found:
            found = found[: found.index("|")]
        return [word for word in found if not word.startswith("2>")][1:]

    @property
    def program(self) -> str:
        return self.text.split()[0]

    @property
    def does(self) -> str:
        """What it is about: an action's words, or a function's name."""
        if self.program == "mip":
            return " ".join(_action(self.words))
        named = [word for word in self.words if re.fullmatch(r"(mip|state)\.\w+", word)]
        return named[0].removeprefix("mip.") if named else " ".join(self.words)

    @property
    def place(self) -> Place:
        """Which ring runs it."""
        if self.does in ("sync-roles", "sync_roles"):
            return "keycloak"
        if AT_A_TERMINAL & set(self.words):
            return "terminal"
        if "--help" in self.words:
            return "loopback"
        on_node = self.host == "node" or "state.apply" in self.text
        return "bed" if on_node or self.does in SERVICES else "loopback"


def lines(place: Place, *programs: str) -> list[Line]:
    """What is run there, in the order of the pages.

    Nothing twice, but consolidations of the day's story: what comes after them counts on them.
    """
    found: list[Line] = []
    for line in documented():
        if line.place != place:
            continue
        if programs and line.program not in programs:
            continue
        again = (line.host, line.text) in {(each.host, each.text) for each in found}
        if not again or (line.text, line.page) == ("mip data consolidate", "day.md"):
            found.append(line)
    return found


def documented() -> Iterator[Line]:
    """All lines of all pages."""
    for page in PAGES:
        yield from of_text((DOCS / page).read_text(encoding="utf-8"), page)


def of_text(text: str, page: str) -> Iterator[Line]:
    """The lines of a page: console blocks, and inline code outside of them."""
    for nth, part in enumerate(re.split(r"^ *```", text, flags=re.MULTILINE)):
        if not nth % 2:
            yield from _inline(part, page)
        elif part.startswith("console\n"):
            yield from _block(part, page)


def _block(part: str, page: str) -> Iterator[Line]:
    for raw in part.splitlines()[1:]:
        prompt, _, rest = raw.strip().partition(" ")
        command = re.sub(r"\s+#.*$", "", rest)
        if prompt.endswith(("$", "#")) and _program(command) in PROGRAMS:
            yield Line(PROMPTS[prompt], command, page)


def _inline(part: str, page: str) -> Iterator[Line]:
    for paragraph in re.split(r"\n\s*\n|\n(?=\|)", part):
        flat = " ".join(paragraph.split())
        host: Host = "node" if re.match(r"\| on a node:|On a node,", flat) else "pusher"
        for code in re.findall(r"(?<!`)`([^`]+)`", flat):
            if _complete(code):
                yield Line(_host_of(code, host, flat), code, page)


def _host_of(code: str, host: Host, around: str) -> Host:
    if not code.startswith("mip "):
        return "node" if code.startswith("salt-call ") else "pusher"
    before = around.partition(f"`{code}`")[0].rpartition(". ")[2]
    return "node" if re.search(r"\b[Oo]n a node\b", before) else host


def _complete(code: str) -> bool:
    """Whether it is a line that can be typed, and not a name or a pattern."""
    words = code.split()
    if len(words) < 2 or words[0] not in PROGRAMS or "…" in code:
        return False
    return words[0] == "mip" or bool(re.search(r"\b(mip\.\w|state\.apply)", code))


def _program(command: str) -> str:
    return command.partition(" ")[0]


def _action(words: list[str]) -> list[str]:
    """The words of an action, without options and what follows them."""
    from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS

    known = {action.path for action in (*ACTIONS, *NODE_ACTIONS)}
    for size in (2, 1):
        for begin in range(len(words)):
            if tuple(words[begin : begin + size]) in known:
                return words[begin : begin + size]
    return []
