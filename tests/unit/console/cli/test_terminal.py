"""What a terminal, a pipe and a program get."""

from __future__ import annotations

import io
import json
import sys

import pytest

from saltext_mip.console.cli.terminal import Display
from saltext_mip.console.screens.render import render
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
        "ok  Salt            3008.4",
        "--  tmux            not found",
        "    -> Install tmux.",
    ]


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
