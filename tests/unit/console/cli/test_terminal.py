"""What a terminal, a pipe and a program get."""

from __future__ import annotations

import io
import json
import sys

import pytest
from rich.console import Console
from rich.text import Text

from saltext_mip.console.cli.terminal import COLOURS, Display, adapted
from saltext_mip.console.screens.render import render
from saltext_mip.console.screens.text import Screen, clock, mark, shows_utf8
from saltext_mip.results import HistoryResult, Requirement, RequirementsResult, to_json

HISTORY = HistoryResult(federation="fed1", generations=[], of=0)


def test_a_pipe_gets_plain_text_and_a_program_json() -> None:
    out = io.StringIO()
    Display().value("history", HISTORY, out=out)
    assert out.getvalue() == f"{render('history', HISTORY)}\n"
    out = io.StringIO()
    Display(json=True).value("history", HISTORY, out=out)
    assert json.loads(out.getvalue()) == to_json("history", HISTORY)


def test_a_terminal_gets_colours_unless_it_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    Display().value("history", HISTORY, out=coloured)
    Display(colour=False).value("history", HISTORY, out=plain)
    assert "\x1b[36m" in coloured.getvalue()
    assert "\x1b[36m" not in plain.getvalue()


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "xterm-256color"},
        {"TERM": "xterm", "NO_COLOR": "1"},
        {"TERM": "dumb"},
        {"TERM": "xterm", "FORCE_COLOR": "1"},
        {"TERM": "dumb", "FORCE_COLOR": "1"},
        {"TERM": "linux", "TTY_COMPATIBLE": "1"},
        {"TERM": "linux", "TTY_COMPATIBLE": "0", "FORCE_COLOR": "1"},
    ],
    ids=str,
)
def test_its_colours_are_those_that_rich_would_write(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], terminal: bool, colour: bool
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    screen = Screen(80)
    for style in COLOURS:
        screen.outcome("a line [b]that[/b] is 1 of :smile:", style=style)
        screen.gap()
    ours, theirs = Stream(), Stream()
    Display(colour=colour).show(screen, out=ours)
    console = Console(file=theirs, no_color=not colour or None, highlight=False, markup=False)
    for line in screen.lines:
        parts = ((part.text, COLOURS[part.style]) for part in line)
        console.print(Text.assemble(*parts), soft_wrap=True)
    assert ours.getvalue() == theirs.getvalue()


def test_progress_in_a_pipe_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Display().progress("consolidate") as progress:
        progress("asking \x1b[2J nodes")
    assert capsys.readouterr().err == "  asking \\x1b[2J nodes\n"


def test_an_error_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Display().error("no node '\x1b]0;x\x07'")
    assert capsys.readouterr().err == "no node '\\x1b]0;x\\x07'\n"


def test_what_is_needed_is_one_line_each_with_what_to_do() -> None:
    needs = [
        Requirement(thing="Salt", ok=True, found="3008.4"),
        Requirement(thing="tmux", ok=False, found="not found", hint="Install tmux."),
    ]
    screen = render("check-required", RequirementsResult(needs=needs))
    assert str(screen).splitlines() == [
        "✔ Salt            3008.4",
        "✖ tmux            not found",
        "    -> Install tmux.",
    ]


def test_progress_in_a_pipe_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    with Display().progress("wait") as progress:
        for text in ("False, NodeDown", "False, NodeDown", "Unknown, NoAnswer", "False, NodeDown"):
            progress(text)
    expected = ["  False, NodeDown", "  Unknown, NoAnswer", "  False, NodeDown"]
    assert capsys.readouterr().err.splitlines() == expected


def test_progress_at_a_terminal_is_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Display().progress("consolidate") as progress:
        progress("staging on \x1b[2J fed1-ms")
    came = terminal.getvalue()
    assert "━" in came
    assert "consolidate: staging on \\x1b[2J fed1-ms" in came
    assert came.endswith("\x1b[2K")  # the line is empty again


@pytest.mark.parametrize(
    ("encoding", "env", "utf8"),
    [
        ("utf-8", {"LANG": "en_US.UTF-8"}, True),
        ("UTF8", {}, True),
        ("utf-8", {"LANG": "C.UTF-8", "LC_CTYPE": "C.UTF-8"}, True),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ("utf-8", {"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ("utf-8", {"LC_ALL": "POSIX"}, False),
        ("iso8859-1", {"LANG": "en_US.ISO-8859-1"}, False),
        ("ascii", {}, False),
    ],
)
def test_what_a_terminal_shows_is_known_from_its_locale(
    encoding: str, env: dict[str, str], utf8: bool
) -> None:
    assert shows_utf8(encoding, env) is utf8


@pytest.mark.parametrize(("locale", "shown"), [("C", "x"), ("C.UTF-8", "✖")])
def test_marks_are_those_that_the_terminal_shows(
    monkeypatch: pytest.MonkeyPatch, locale: str, shown: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    with adapted(verbose=False):
        assert mark("bad") == shown
    assert mark("bad") == "✖"


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with adapted(verbose=False):
        Display().line("caffè")
    assert written.getvalue() == b"caff\\xe8\n"


@pytest.mark.parametrize(("terminal", "verbose", "has"), [(1, 0, 1), (1, 1, 0), (0, 0, 0)])
def test_moments_are_relative_on_a_terminal_unless_verbose(
    monkeypatch: pytest.MonkeyPatch, terminal: int, verbose: int, has: int
) -> None:
    class Stream(io.TextIOWrapper):
        def isatty(self) -> bool:
            return bool(terminal)

    monkeypatch.setattr(sys, "stdout", Stream(io.BytesIO(), encoding="utf-8"))
    with adapted(verbose=bool(verbose)):
        assert (clock.get() is not None) == bool(has)
    assert clock.get() is None
