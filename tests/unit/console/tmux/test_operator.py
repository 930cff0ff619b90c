"""Who opens the session: their terminal, and their agent behind sudo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from saltext_mip.console.tmux import operator
from saltext_mip.errors import Refused

ANNA = os.getuid() or 1000
SUDO = {"SUDO_UID": str(ANNA), "SUDO_USER": "anna"}


@pytest.fixture
def agent() -> Iterator[Path]:
    """A socket of anna's; in a short path, as sockets need it."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        path = Path(folder) / "agent"
        listening.bind(str(path))
        _give(path)
        yield path


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Processes: sudo (root), which a shell of anna's called."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    _process(tmp_path, os.getppid(), parent=4242, name="sudo) 1 (")
    _process(tmp_path, 4242, parent=1, name="bash")
    _give(tmp_path / "4242")
    return tmp_path


def _process(proc: Path, number: int, *, parent: int, name: str) -> None:
    folder = proc / str(number)
    folder.mkdir()
    (folder / "stat").write_text(f"{number} ({name}) S {parent} 1 1 0")
    (folder / "environ").write_bytes(b"LANG=C\0")


def _give(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, ANNA, ANNA)


def _has(proc: Path, agent: str) -> None:
    (proc / "4242" / "environ").write_bytes(f"LANG=C\0SSH_AUTH_SOCK={agent}\0".encode())


def test_without_sudo_the_agent_is_that_of_the_environment() -> None:
    found = operator.here(terminal=False, environ={"SSH_AUTH_SOCK": "/tmp/a", "TMUX": "/tmp/t,1,0"})
    assert found == operator.Operator({"SSH_AUTH_SOCK": "/tmp/a"}, inside=True)
    # no agent: root's own key may do
    assert operator.here(terminal=False, environ={}) == operator.Operator()


def test_behind_sudo_the_agent_is_that_of_the_shell_that_called_it(proc: Path, agent: Path) -> None:
    _has(proc, str(agent))
    found = operator.here(terminal=False, environ=SUDO, proc=proc)
    assert found == operator.Operator({"SSH_AUTH_SOCK": str(agent)}, prefix="sudo ")


def test_an_agent_that_sudo_kept_comes_first(proc: Path, agent: Path) -> None:
    _has(proc, str(agent))
    found = operator.here(terminal=False, environ={**SUDO, "SSH_AUTH_SOCK": "/kept"}, proc=proc)
    assert found.environment == {"SSH_AUTH_SOCK": "/kept"}


def test_behind_sudo_without_an_agent_one_line_says_what_to_do(proc: Path, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    ended.touch()
    for gone in ("", str(ended), str(tmp_path / "gone")):
        _has(proc, gone)
        found = operator.here(terminal=False, environ=SUDO, proc=proc)
        assert not found.environment
        assert "sudo --preserve-env=SSH_AUTH_SOCK mip tmux --force" in found.hint
        assert "\n" not in found.hint


@pytest.mark.skipif(os.getuid() != 0, reason="another user's process needs root")
def test_the_agent_of_another_user_is_not_taken(proc: Path, agent: Path) -> None:
    _has(proc, str(agent))
    os.chown(proc / "4242", ANNA + 1, ANNA + 1)
    assert not operator.here(terminal=False, environ=SUDO, proc=proc).environment
    os.chown(proc / "4242", ANNA, ANNA)
    os.chown(agent, ANNA + 1, ANNA + 1)
    assert not operator.here(terminal=False, environ=SUDO, proc=proc).environment


def test_a_session_of_the_salt_masters_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _process(tmp_path, os.getsid(0), parent=1, name="bash")
    _give(tmp_path / str(os.getsid(0)))
    monkeypatch.setattr(os, "geteuid", lambda: ANNA + 1)
    with pytest.raises(Refused, match="sudo mip tmux"):
        operator.here(terminal=False, environ={}, proc=tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: ANNA)  # who logged in as that user
    assert operator.here(terminal=False, environ={}, proc=tmp_path) == operator.Operator()


def test_inside_tmux_the_terminal_is_that_of_the_client() -> None:
    environ = {"TERM": "tmux-nobody-has", "TMUX": "/tmp/t,1,0"}
    assert operator.here(terminal=True, environ=environ).inside


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("", "TERM, the kind of this terminal, is not set. Run: TERM=xterm-256color mip tmux"),
        ("xterm-nobody-has", "does not know the terminal 'xterm-nobody-has'"),
        ("dumb", "a terminal 'dumb' (TERM) cannot be cleared"),
        ("xterm", None),
    ],
)
def test_a_terminal_that_tmux_cannot_draw_on_is_refused_in_our_words(
    term: str, message: str | None
) -> None:
    # in a process of its own: curses reads one terminal in its life
    program = (
        "import sys; from saltext_mip.console.tmux import operator; "
        "operator.require_terminal(sys.argv[1])"
    )
    argv = [sys.executable, "-c", program, term]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (message is None)
    assert (message or "") in done.stderr
    assert "curses" not in "".join(done.stderr.splitlines()[-1:])
