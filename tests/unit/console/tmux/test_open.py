"""The session as it is opened: notes on nodes, what is missing, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip import host_keys
from saltext_mip.console.tmux import open as tmux_open
from saltext_mip.console.tmux.open import Made
from saltext_mip.console.tmux.operator import Operator
from saltext_mip.console.tmux.session import Session
from saltext_mip.pusher import nodes as commands
from tests.support.fake_tmux import FakeTmux
from tests.support.folders import Folders
from tests.unit.pusher.test_nodes import KEY


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host keys of the machine, which has none where no sshd is installed."""
    monkeypatch.setattr(host_keys, "own_keys", lambda _: [KEY])


@pytest.fixture
def fed(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def opened(
    fed: Folders, tmux: FakeTmux, operator: Operator | None = None, *, force: bool = False
) -> Made:
    nodes = commands.list_nodes(fed.pusher, host_keys=True)
    return tmux_open.session(nodes, tmux, operator or Operator(), config="/etc/salt", force=force)


def panes_with(session: Session, text: str) -> int:
    panes = [pane for window in session.windows for pane in window.panes]
    return sum(any(text in argument for argument in pane.argv) for pane in panes)


def test_a_session_says_who_is_disabled(fed: Folders) -> None:
    commands.disable(fed.pusher, "h2", "disk is replaced", dry_run=False)
    tmux = FakeTmux()
    made = opened(fed, tmux)
    assert made.value.changed is True
    assert made.attach[1] == "attach-session"
    assert panes_with(tmux.sessions["fed1"], "disk is replaced") == 2
    again = opened(fed, tmux, Operator(inside=True))
    assert again.value.changed is False
    assert again.attach[1] == "switch-client"


def test_a_session_that_lacks_a_hospital_says_how_to_have_it(tmp_path: Path) -> None:
    tmux = FakeTmux()
    opened(Folders(tmp_path / "small", workers=1), tmux)
    large = Folders(tmp_path / "large", workers=2)
    assert opened(large, tmux).value.notes == [
        "The session has no window for fed1-wk-h2: force=True recreates it."
    ]
    assert opened(large, tmux, force=True).value.notes == []


def test_a_node_whose_host_keys_are_not_known_says_so_in_its_windows(fed: Folders) -> None:
    fed.down = {"fed1-wk-h2"}
    tmux = FakeTmux()
    made = opened(fed, tmux)
    assert made.value.notes == [
        "fed1-wk-h2: its ssh host keys are not known, so ssh does not connect: it does not answer"
    ]
    assert panes_with(tmux.sessions["fed1"], "host keys are not known") == 2


def test_behind_sudo_it_has_the_persons_agent_or_says_how_to_have_one(fed: Folders) -> None:
    tmux = FakeTmux()
    made = opened(fed, tmux, Operator({"SSH_AUTH_SOCK": "/tmp/agent"}, prefix="sudo "))
    assert tmux.environment == {"SSH_AUTH_SOCK": "/tmp/agent"}
    assert made.value.attach == "sudo tmux attach -t fed1"
    made = opened(fed, tmux, Operator(hint="Start an agent."), force=True)
    assert made.value.notes == ["Start an agent."]
    assert panes_with(tmux.sessions["fed1"], "Start an agent.") == 8
