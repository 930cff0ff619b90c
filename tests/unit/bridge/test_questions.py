"""What is asked on the terminal: in one place, with its default and what an empty answer does."""

from __future__ import annotations

import ast
from pathlib import Path

import saltext_mip
from saltext_mip.bridge import progress
from saltext_mip.pusher.questions import label_review, removals

SOURCES = sorted(Path(saltext_mip.__file__).parent.rglob("*.py"))
# where a program may ask: everything else gets the function from there
ASKS = "bridge/progress.py"


def test_the_terminal_is_read_in_one_place() -> None:
    """There the progress is paused; what reads elsewhere would be hidden behind the bar."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
            text = node.value if isinstance(node, ast.Constant) else ""
            if name in ("input", "getch", "TERMINAL") or text == "/dev/tty":
                found.add(path.as_posix().partition("saltext_mip/")[2])
    assert found == {ASKS}
    assert str(progress.TERMINAL) == "/dev/tty"


def test_each_question_shows_its_default_and_what_an_empty_answer_does() -> None:
    """Every module of questions is one of these; their tests ask each question."""
    folder = Path(label_review.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", "label_review", "removals"}
    assert removals.QUESTION.endswith("[no] (Enter: no, nothing is changed) ")
    assert label_review.EMPTY == "(Enter keeps it)"
