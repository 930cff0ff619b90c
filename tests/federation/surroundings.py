"""How the table of surroundings is typed and obeyed: on real hosts, by what was printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.federation.followed import Followed
from tests.support.bed.layout import PUSHER

YES = "y\n"


class Surrounded(Followed):
    """A federation whose surroundings change; commands are typed by a shell on a host."""

    def types(self, host: str, line: str, answer: str = YES) -> tuple[int, str]:
        """The exit code and all that is printed."""
        done = self.bed.run(
            host,
            *("bash", "-c", line),
            input=answer,
            check=False,
            timeout=400,
        )
        return done.returncode, str(done.stdout) + str(done.stderr)

    def changes(self, host: str, line: str, answer: str = YES) -> str:
        """The same by somebody who breaks or repairs something; it must succeed."""
        code, text = self.types(host, line, answer)
        assert code == 0, f"{host}: {line}: {code}\n{text}"
        return text


@dataclass
class Printed:
    """What a command printed about a node (or all of it), from which its advice is followed."""

    fed: Surrounded
    text: str
    node: str = ""
    lacks: list[str] = field(default_factory=list)

    def says(self, advice: str) -> None:
        """The operator reads it, and does it; what is not printed is done too, and noted."""
        if advice not in self.text:
            self.lacks.append(f"not printed: {advice}\n{self.text}")

    def obey(self, host: str, command: str, answer: str = YES, *, printed: str = "") -> str:
        """Type a command that was printed, in these words or as ``printed``."""
        self.says(printed or command)
        return self.fed.changes(host, command, answer)


@dataclass(frozen=True)
class Row:
    """One case: what is set up (at ``node``, or on the pusher), what must be printed about it.

    ``fix`` is printed and, in :attr:`obey`, done.
    """

    name: str
    surround: Callable[[Surrounded], object]
    reason: str
    fix: str
    obey: Callable[[Printed], object]
    node: str = ""


@dataclass(frozen=True)
class Scene:
    """Rows that are set up at once and seen by one command, as faults come in life."""

    line: str
    code: int
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        return "; ".join(row.name for row in self.rows)


def about(text: str, node: str) -> str:
    """What is printed about that node, without its line breaks; all where it is none's.

    Things are apart by an empty line or, in a table, by a line that is not indented.
    """
    found = []
    for block in text.split("\n\n"):
        is_table = re.search(r"^ ", block, re.MULTILINE)
        found += re.split(r"\n(?=\S)", block) if is_table else [block]
    return "\n".join(" ".join(each.split()) for each in found if node in each)


def play(fed: Surrounded, scene: Scene) -> None:
    """Set up the rows, type the command, compare what it printed, and obey it.

    The next scenes go on from here: all is put right also where something was not printed.
    """
    for row in scene.rows:
        row.surround(fed)
    code, text = fed.types(PUSHER, scene.line)
    print(f"\n{scene.line}: {code}\n{text}")
    wrong = []
    for row in scene.rows:
        printed = Printed(fed, about(text, row.node), row.node)
        printed.says(row.reason)
        printed.says(row.fix)
        row.obey(printed)
        wrong += [f"{row.name}: {each}" for each in printed.lacks]
    assert not wrong, "\n\n".join(wrong)
    assert "Traceback" not in text
    assert code == scene.code, text
