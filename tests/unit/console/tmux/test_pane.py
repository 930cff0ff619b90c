"""A pane of the session: ssh to one node, what it shows before and after."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest

from saltext_mip.console.tmux import pane
from saltext_mip.console.tmux.pane import NodePane
from tests.unit.console.test_ssh import LOGIN


def of_node(**more: Any) -> NodePane:
    facts = {"title": "fed1-wk-h1 (wk1)", "folder": "/data/fed1", "federation": "fed1"}
    return NodePane(**{**facts, "login": LOGIN, **more})


class Far:
    """ssh, in a row of exit codes."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.called: list[Sequence[str]] = []
        self.said: list[str] = []

    def __call__(self, argv: Sequence[str]) -> int:
        self.called.append(argv)
        return self.codes.pop(0)

    def run(self, facts: NodePane) -> int:
        clock = iter(range(1000, 100000, 7))
        return pane.run(
            facts,
            call=self,
            call_log=self,
            write=self.said.append,
            clock=lambda: float(next(clock)),
            sleep=lambda _: None,
        )


def test_a_disabled_nodes_window_says_so_and_is_there_all_the_same() -> None:
    far = Far(0)
    far.run(of_node(note="This node is disabled by anna: disk is replaced."))
    assert "disabled by anna" in far.said[1]
    assert len(far.called) == 1


def test_a_shell_that_could_not_be_had_says_what_to_do_and_ends() -> None:
    far = Far(255)
    assert far.run(of_node()) == 255
    assert "mip --federation fed1 node check" in far.said[-1]


def test_a_log_comes_again_when_its_connection_went() -> None:
    far = Far(255, 255, 0)
    assert far.run(of_node(logs="worker")) == 0
    first, second, third = (argv[-1] for argv in far.called)
    assert first == "mip logs --follow --component exareme --limit 10000"
    assert second.startswith(first + " --since ")
    assert int(second.split()[-1][:-1]) < int(third.split()[-1][:-1])


def test_a_node_without_the_command_says_so() -> None:
    far = Far(127)
    assert far.run(of_node(logs="ui")) == 127
    assert "Installation" in far.said[-1]


@pytest.mark.parametrize("more", [{}, {"note": "x"}, {"logs": "worker"}, {"folder": None}])
def test_a_pane_comes_back_from_its_argument(more: dict[str, Any]) -> None:
    made = of_node(**more)
    assert NodePane.from_argument(made.to_argument()) == made


def test_a_session_of_an_earlier_version_respawns_its_panes() -> None:
    argument = (
        '{"title": "fed1-wk-h1 (wk1)", "note": "", "login": ["fed1-wk-h1", "mipadmin",'
        ' "10.77.0.21", 22, "/var/lib/mip/fed1/known_hosts"], "folder": "/data/fed1",'
        ' "federation": "fed1"}'
    )
    assert NodePane.from_argument(argument) == of_node()


STEERING = (
    b"one\x1b]52;c;bHM=\x07\x1b[2J\r\nt\xc3\xa9st \xe2\x80\xaetxt.exe\r\nback\rover\x9b31m\xff\nend"
)
SAFE = (
    "one\\x1b]52;c;bHM=\\x07\\x1b[2J\r\n"
    "t\xe9st \\u202etxt.exe\r\nback\\x0dover\ufffd31m\ufffd\r\nend"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STEERING)])
def test_no_byte_of_a_log_steers_the_terminal_however_it_arrives(size: int) -> None:
    escaping = pane.Escaping()
    chunks = [STEERING[at : at + size] for at in range(0, len(STEERING), size)]
    written = [*map(escaping.feed, chunks), escaping.feed(b"", final=True)]
    assert "".join(written) == SAFE


def test_a_log_is_written_escaped_with_what_ssh_reports_and_its_exit_code() -> None:
    program = (
        "import sys; sys.stdout.buffer.write(b'log \\x1b[31m\\n'); sys.stdout.flush(); "
        "sys.stderr.buffer.write(b'\\x1b]0;title\\x07\\r'); sys.exit(255)"
    )
    written: list[str] = []
    assert pane.call_escaped([sys.executable, "-c", program], written.append) == 255
    assert "".join(written) == "log \\x1b[31m\r\n\\x1b]0;title\\x07\\x0d"
