"""A pane of the session: ssh to one node, what it shows before and after."""

from __future__ import annotations

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
