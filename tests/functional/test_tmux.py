"""The session on a real tmux: what an operator sees and presses. No node is reached here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.console.tmux import layout
from saltext_mip.console.tmux.server import Tmux, TmuxFailed
from saltext_mip.console.tmux.session import Pane, Program, Session, Window, of
from saltext_mip.errors import Refused
from saltext_mip.federation import Federation
from tests.support import waiting
from tests.support.listed import listed

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")

# of the session of two workers: index, name, panes
WINDOWS = (
    (0, "bash", 1),
    (1, "logs", 4),
    (2, "deploy", 2),
    (3, "fed1-ms", 1),
    (4, "fed1-ui", 1),
    (5, "fed1.wk-h1", 1),
    (6, "fed1.wk-h2", 1),
)

# in place of ssh: says who it is, and ends when it is told to
STAND_IN = "import sys; print('pane', sys.argv[1], flush=True); sys.exit(input() == 'bad')"


def tmux(*argv: str, server: str = "default", check: bool = True) -> str:
    done = subprocess.run(
        ["tmux", "-L", server, *argv], capture_output=True, text=True, check=check, timeout=20
    )
    return done.stdout.rstrip("\n")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    """An operator's tmux server with a configuration and a session of their own."""
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    monkeypatch.setenv("TERM", "screen")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("TMUX", raising=False)
    config = tmp_path / "tmux.conf"
    config.write_text(
        "set -g base-index 1\nset -g renumber-windows on\nset -g history-limit 123\n"
        "bind R display-message 'their own R'\nset -g display-time 3000\n"
        "set -g status-left 'theirs'\n"
    )
    tmux("-f", str(config), "new-session", "-d", "-s", "other", "-x", "80", "-y", "24", "cat")
    tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh", server="outer")
    try:
        yield Tmux()
    finally:
        tmux("kill-server", check=False)
        tmux("kill-server", server="outer", check=False)


def federation(workers: int = 2, name: str = "fed1") -> Federation:
    nodes: dict[str, Any] = {
        "fed1-ms": {"role": "master", "address": "10.77.0.10"},
        "fed1-ui": {"role": "ui", "address": "10.77.0.11"},
    }
    for nth in range(1, workers + 1):
        nodes[f"fed1.wk-h{nth}"] = {"role": "worker", "address": "10.77.0.21"}
    return Federation.from_pillar(name, {"nodes": nodes})


def session(workers: int = 2, name: str = "fed1") -> Session:
    """As it is, but that nothing is reached."""
    made = of(listed(federation(workers, name)), program=Program())

    def still(pane: Pane) -> Pane:
        argv = (sys.executable, "-c", STAND_IN, pane.title) if pane.argv else ()
        return Pane(pane.title, argv, pane.lines)

    windows = tuple(
        Window(one.index, one.name, tuple(map(still, one.panes)), one.grid, one.options)
        for one in made.windows
    )
    return Session(made.name, made.federation, windows)


def panes(window: str, *forms: str) -> list[list[str]]:
    form = "\t".join(f"#{{{each}}}" for each in forms)
    return [line.split("\t") for line in tmux("list-panes", "-t", window, "-F", form).splitlines()]


def attached(name: str = "fed1") -> None:
    """A person who looks at the session, in an outer tmux as their terminal."""
    tmux("send-keys", "-t", ":", f"TMUX= tmux attach -t {name}", "Enter", server="outer")
    until(lambda: bool(tmux("list-clients", "-t", name)))


def press(*keys: str) -> None:
    tmux("send-keys", "-t", ":", *keys, server="outer")


def until(seen: Callable[[], bool]) -> None:
    waiting.until(seen, instead=screen)


def screen() -> str:
    return tmux("capture-pane", "-p", "-t", ":", server="outer")


def test_windows_and_panes_are_where_they_were_always(server: Tmux) -> None:
    assert server.ensure(session(), force=False)
    assert server.windows("fed1") == WINDOWS
    assert "fed1: 7 windows" in tmux("ls")
    assert tmux("display-message", "-p", "-t", "fed1", "#{window_index}") == "0"


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 50)])
@pytest.mark.parametrize("workers", [1, 2, 3, 7, 10])
def test_logs_stand_from_top_to_bottom_and_then_from_left_to_right(
    server: Tmux, workers: int, columns: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    tmux("resize-window", "-t", ":", "-x", str(columns), "-y", str(lines), server="outer")
    server.ensure(session(workers), force=False)
    attached()
    until(lambda: f"{columns}x" in tmux("display-message", "-p", "-t", "fed1", "#{client_width}x"))
    tmux("select-window", "-t", "fed1:1")
    size = tmux("display-message", "-p", "-t", "fed1:1", "#{window_width}x#{window_height}")
    assert size == f"{columns}x{lines - 1}"
    found = panes("fed1:1", "pane_left", "pane_top", "@mip_pane", "pane_height", "pane_width")
    shorts = ["ms", "ui", *(f"wk{nth}" for nth in range(1, workers + 1))]
    placed = sorted(found, key=lambda each: (int(each[0]), int(each[1])))
    assert [each[2].split()[0] for each in placed] == shorts
    lefts = [each[0] for each in placed]
    assert tuple(lefts.count(left) for left in dict.fromkeys(lefts)) == layout.columns(len(shorts))
    assert min(int(each[3]) for each in found) >= (lines - 1) // 4 - 2
    assert min(int(each[4]) for each in found) >= (columns - 2) // 3 - 1


def test_four_nodes_stand_two_by_two(server: Tmux) -> None:
    server.ensure(session(2), force=False)
    found = panes("fed1:1", "@mip_pane", "pane_left", "pane_top")
    lefts, tops = (sorted({int(each[n]) for each in found}) for n in (1, 2))
    assert (len(lefts), len(tops)) == (2, 2)
    places = {each[0].split()[0]: (int(each[1]), int(each[2])) for each in found}
    assert places == {
        "ms": (lefts[0], tops[0]),
        "ui": (lefts[0], tops[1]),
        "wk1": (lefts[1], tops[0]),
        "wk2": (lefts[1], tops[1]),
    }


def test_ten_workers_are_seen_on_a_small_terminal(server: Tmux) -> None:
    server.ensure(session(10), force=False)
    attached()
    press("C-Right")
    until(lambda: "wk10 fed1.wk-h10" in screen())
    assert len(panes("fed1:1", "pane_id")) == 12
    assert (
        tmux("display-message", "-p", "-t", "fed1", "#{client_width}x#{client_height}") == "80x24"
    )


def test_a_second_run_changes_nothing(server: Tmux) -> None:
    server.ensure(session(), force=False)
    before = panes("fed1:1", "pane_id", "pane_pid"), tmux("list-keys")
    assert not server.ensure(session(), force=False)
    assert (panes("fed1:1", "pane_id", "pane_pid"), tmux("list-keys")) == before


def test_force_makes_it_anew_and_takes_along_who_looks(server: Tmux) -> None:
    server.ensure(session(), force=False)
    attached()
    old = tmux("display-message", "-p", "-t", "fed1", "#{session_id}")
    assert server.ensure(session(3), force=True)
    assert server.windows("fed1")[-1] == (7, "fed1.wk-h3", 1)
    assert tmux("list-clients", "-F", "#{client_session}") == "fed1"
    assert old not in tmux("list-sessions", "-F", "#{session_id}").splitlines()


def test_two_persons_look_at_once(server: Tmux) -> None:
    server.ensure(session(), force=False)
    attached()
    tmux("new-window", "-d", "env", "-u", "TMUX", "tmux", "attach", "-t", "fed1", server="outer")
    until(lambda: len(tmux("list-clients", "-t", "fed1").splitlines()) == 2)


@pytest.mark.parametrize("name", ["fed.1", "my.fed.2026"])
def test_a_name_that_tmux_takes_specially_finds_its_session(server: Tmux, name: str) -> None:
    assert server.ensure(session(name=name), force=False)
    assert not server.ensure(session(name=name), force=False)
    assert len(server.windows(name)) == 7
    assert server.attach_argv(name, inside=False)[:2] == ("tmux", "attach-session")
    assert server.attach_argv(name, inside=True)[:2] == ("tmux", "switch-client")


def test_a_session_of_that_name_that_is_not_ours_is_left_alone(server: Tmux) -> None:
    other = session(name="other")
    for force in (False, True):
        with pytest.raises(Refused, match="not of federation 'other'"):
            server.ensure(other, force=force)
    assert tmux("list-sessions", "-F", "#{session_name}") == "other"


def test_federations_whose_names_look_alike_to_tmux_are_not_mixed_up(server: Tmux) -> None:
    server.ensure(session(name="a.b"), force=False)
    with pytest.raises(Refused):
        server.ensure(session(name="a_b"), force=False)


def test_what_the_user_configured_stays_elsewhere(server: Tmux) -> None:
    server.ensure(session(), force=False)
    assert tmux("show-options", "-gv", "base-index") == "1"
    assert tmux("show-options", "-v", "-t", "other", "prefix2") == ""
    assert tmux("show-options", "-gv", "prefix2") == "None"
    assert tmux("show-options", "-gv", "history-limit") == "123"
    assert tmux("display-message", "-p", "-t", "other", "#{status-left}") == "theirs"
    assert panes("fed1:0", "history_limit") == [["100000"]]
    assert panes("fed1:5", "history_limit") == [["100000"]]


def test_a_dead_pane_stays_and_is_started_again_by_a_key(server: Tmux) -> None:
    server.ensure(session(), force=False)
    attached()
    tmux("select-window", "-t", "fed1:5")
    until(lambda: "pane fed1.wk-h1" in screen())
    before = panes("fed1:5", "pane_pid")
    press("bad", "Enter")
    until(lambda: panes("fed1:5", "pane_dead") == [["1"]])
    press("C-j", "r")
    until(lambda: panes("fed1:5", "pane_dead") == [["0"]])
    assert panes("fed1:5", "pane_pid") != before


def test_keys_do_what_they_always_did(server: Tmux) -> None:
    server.ensure(session(), force=False)
    attached()

    def here(form: str) -> str:
        return tmux("display-message", "-p", "-t", "fed1", form)

    press("C-Right")
    until(lambda: here("#{window_index}") == "1")
    press("M-Down")
    until(lambda: here("#{@mip_pane}") == "ui fed1-ui")
    press("M-Right")
    until(lambda: here("#{@mip_pane}") == "wk2 fed1.wk-h2")
    press("M-Left")
    until(lambda: here("#{pane_left}") == "0")
    press("C-j", "s")
    until(lambda: tmux("show-options", "-v", "-t", "fed1", "status") == "off")
    press("C-j", "s")
    until(lambda: tmux("show-options", "-v", "-t", "fed1", "status") == "on")
    press("C-j", "m")
    until(lambda: tmux("show-options", "-v", "-t", "fed1", "mouse") == "on")
    press("C-j", "z")
    until(lambda: "1:logs(Z)" in screen())
    press("C-b", "z")
    until(lambda: "(Z)" not in screen())
    press("C-Left")
    until(lambda: here("#{window_index}") == "0")


def test_keys_do_in_another_session_what_they_did(server: Tmux) -> None:
    server.ensure(session(), force=False)
    attached("other")
    press("M-Up", "Enter")
    until(lambda: "^[[1;3A" in screen() or "^[^[[A" in screen())
    press("C-b", "R")
    until(lambda: "their own R" in screen())
    until(lambda: "their own R" not in screen())  # a key would only take the message away
    pid = panes("other:", "pane_pid")
    press("C-b", "r")
    press("C-j", "r")
    press("C-b", "s")
    until(lambda: "(0) - fed1" in screen() or "fed1: 7 windows" in screen())
    assert panes("other:", "pane_pid") == pid
    assert tmux("show-options", "-v", "-t", "other", "status") == ""


def test_the_status_line_says_where_one_is(server: Tmux) -> None:
    server.ensure(session(), force=False)
    attached()
    host = subprocess.run(["hostname", "-s"], capture_output=True, text=True, check=True).stdout
    until(lambda: f"@{host.strip()}" in screen())
    last = screen().splitlines()[-1]
    assert last.startswith(" fed1 ")
    assert "0:bash*" in last
    tmux("send-keys", "-t", ":", "", server="outer")
    coloured = tmux("capture-pane", "-e", "-p", "-t", ":", server="outer").splitlines()[-1]
    assert "\x1b[1m\x1b[34m" in coloured or "[34m" in coloured


# what a person may have in tmux.conf, each of which ends or changes sessions, windows or panes
HOSTILE = """
set -g destroy-unattached on
set -g default-command 'exit 3'
set -g remain-on-exit off
set -g pane-base-index 1
set -g automatic-rename on
set -g allow-rename on
set -gq allow-passthrough on
set -g status 3
set -g key-table off
set-hook -g session-created 'rename-session hooked'
set-hook -g after-new-window 'kill-window'
set-hook -g after-split-window 'kill-pane'
set-hook -g after-select-layout 'select-layout even-vertical'
set-hook -g window-linked 'rename-window linked'
set-hook -g after-rename-window 'rename-window renamed'
set-hook -gw pane-exited 'kill-session'
set-hook -gw window-layout-changed 'rename-window changed'
"""


def test_no_option_and_no_hook_of_the_user_breaks_the_session(server: Tmux, tmp_path: Path) -> None:
    config = tmp_path / "hostile.conf"
    config.write_text("".join(f"{line} # theirs\n" for line in HOSTILE.split("\n") if line))
    tmux("set", "-g", "destroy-unattached", "off")
    # the other session has no client, and would be destroyed
    tmux("set", "-t", "other", "destroy-unattached", "off")
    tmux("source-file", str(config))
    assert server.ensure(session(), force=False)
    assert server.windows("fed1") == WINDOWS
    assert tmux("list-sessions", "-F", "#{session_name}").splitlines() == ["fed1", "other"]
    until(lambda: "pane fed1.wk-h1" in tmux("capture-pane", "-p", "-t", "fed1:5"))
    for window in ("fed1:0", "fed1:1", "fed1:5"):
        assert {dead for (dead,) in panes(window, "pane_dead")} == {"0"}
    assert panes("fed1:5", "remain-on-exit", "allow-passthrough")[0] in (["on", "0"], ["on", ""])
    # what is theirs is theirs still
    assert "rename-session hooked" in tmux("show-hooks", "-g")
    assert not server.ensure(session(), force=False)
    assert server.ensure(session(3), force=True)
    assert server.windows("fed1")[-1] == (7, "fed1.wk-h3", 1)


def test_windows_have_the_persons_agent_also_when_it_is_another_one_later(server: Tmux) -> None:
    server.ensure(session(), force=False, environment={"SSH_AUTH_SOCK": "/run/first"})
    assert tmux("show-environment", "-t", "fed1", "SSH_AUTH_SOCK") == "SSH_AUTH_SOCK=/run/first"
    (pid,) = panes("fed1:5", "pane_pid")[0]
    until(lambda: b"SSH_AUTH_SOCK=/run/first\0" in Path(f"/proc/{pid}/environ").read_bytes())
    server.ensure(session(), force=False, environment={"SSH_AUTH_SOCK": "/run/second"})
    assert tmux("show-environment", "-t", "fed1", "SSH_AUTH_SOCK") == "SSH_AUTH_SOCK=/run/second"


def test_a_server_that_keeps_no_session_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    (tmp_path / ".tmux.conf").write_text("set -s exit-unattached on\n")
    with pytest.raises(TmuxFailed, match="has exit-unattached on"):
        Tmux().ensure(session(), force=False)
    (tmp_path / "open" / f"tmux-{os.getuid()}").mkdir(parents=True, mode=0o755)
    (tmp_path / "open" / f"tmux-{os.getuid()}").chmod(0o777)
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path / "open"))
    with pytest.raises(TmuxFailed, match="TMUX_TMPDIR"):
        Tmux().ensure(session(), force=False)


def test_a_session_that_could_not_be_made_leaves_nothing(server: Tmux) -> None:
    broken = session()
    odd = Window(1, "twice", (Pane(),))
    with pytest.raises(Exception, match="index"):
        server.ensure(Session("fed1", "fed1", (*broken.windows, odd)), force=False)
    assert tmux("list-sessions", "-F", "#{session_name}") == "other"
