"""The console on real hosts: sshd, tmux, Docker and a deployed federation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.bed import Bed
from tests.support.waiting import until

COMPONENTS = {"fed1-ms": "exareme-master", "fed1-wk-h1": "exareme"}


@pytest.fixture(scope="module")
def deployed(bed: Bed) -> Bed:
    """Services run, and the pusher knows the nodes' host keys from Salt."""
    bed.run("pusher", "mip", "deploy", timeout=300)
    bed.run("pusher", "mip", "node", "check")
    return bed


@pytest.fixture(scope="module")
def session(deployed: Bed) -> Iterator[Bed]:
    """The session is there, as an operator has it."""
    deployed.run("pusher", "mip", "tmux", "--force")
    yield deployed
    deployed.run("pusher", "tmux", "kill-session", "-t", "fed1", check=False)


def tmux(bed: Bed, *argv: str) -> str:
    return str(bed.run("pusher", "tmux", *argv).stdout).rstrip("\n")


def shown(bed: Bed, pane: str) -> str:
    return tmux(bed, "capture-pane", "-p", "-J", "-t", pane)


def pane_of(bed: Bed, short: str) -> str:
    listed = tmux(bed, "list-panes", "-t", "fed1:1", "-F", "#{pane_id} #{@mip_pane}")
    return next(line.split()[0] for line in listed.splitlines() if line.split()[1] == short)


def ended(bed: Bed, pane: str) -> str:
    """Whether a pane's program has ended, and its exit code."""
    # tmux 3.3a may miss the end of one program until another one ends
    tmux(bed, "run-shell", "true")
    return tmux(bed, "display-message", "-p", "-t", pane, "#{pane_dead} #{pane_dead_status}")


def container(bed: Bed, node: str, component: str) -> str | None:
    """The id of the running container of that component."""
    form = {"label": "com.docker.swarm.service.name", "status": "running"}
    found = bed.docker(node).containers.list(filters=form)  # the newest first
    names = [(each.labels["com.docker.swarm.service.name"], each.id) for each in found]
    return next((id_ for name, id_ in names if name.endswith(f"_{component}")), None)


def say(bed: Bed, node: str, component: str, text: str) -> None:
    """A line in the component's log, as its own program would write it."""
    id_ = container(bed, node, component)
    assert id_ is not None
    program = f"open('/proc/1/fd/1','w').write({text + chr(10)!r})"
    code, out = bed.docker(node).containers.get(id_).exec_run(["python3", "-c", program])
    assert code == 0, out


def test_host_keys_are_those_that_salt_told(deployed: Bed) -> None:
    known = deployed.run("pusher", "cat", "/var/lib/mip/fed1/known_hosts").stdout
    for node in ("fed1-ms", "fed1-ui", *deployed.named("worker")):
        own = deployed.run(node, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()
        assert f"{node} ssh-ed25519 {own[1]}\n" in known
    mode = deployed.run("pusher", "stat", "-c", "%a", "/var/lib/mip/fed1/known_hosts").stdout
    assert mode == "600\n"


def test_a_shell_on_a_node_is_the_operators_in_the_data_folder(session: Bed) -> None:
    tmux(session, "send-keys", "-t", "fed1:5", "echo $(whoami) at $(hostname) in $PWD", "Enter")
    wanted = "mipadmin at fed1-wk-h1 in /data/fed1"
    until(lambda: wanted in shown(session, "fed1:5"), what=wanted)


def test_nobody_is_asked_about_a_key_and_a_wrong_one_is_refused(session: Bed) -> None:
    path = "/var/lib/mip/fed1/known_hosts"
    right = session.run("pusher", "cat", path).stdout
    wrong = re.sub(r"fed1-wk-h2 ssh-ed25519 \S+", right.split("\n")[0], right)
    lines = [line for line in wrong.splitlines() if not line.startswith("fed1-wk-h2 ")]
    foreign = next(line for line in right.splitlines() if line.startswith("fed1-ms ssh-ed25519"))
    lines.append(foreign.replace("fed1-ms", "fed1-wk-h2", 1))
    session.run("pusher", "tee", path, input="\n".join(lines) + "\n")
    try:
        refused = session.run("pusher", "mip", "ssh", "wk2", input="", check=False)
        assert refused.returncode == 255
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr
        assert "yes/no" not in refused.stderr
    finally:
        session.run("pusher", "mip", "node", "check")
    assert session.run("pusher", "cat", path).stdout == right
    came = session.run("pusher", "mip", "ssh", "wk2", input="hostname\nexit\n", check=False)
    assert "fed1-wk-h2" in came.stdout


@pytest.mark.parametrize(("short", "node"), [("ms", "fed1-ms"), ("wk1", "fed1-wk-h1")])
def test_a_line_of_a_log_is_in_its_pane_within_two_seconds(
    session: Bed, short: str, node: str
) -> None:
    pane = pane_of(session, short)
    component = COMPONENTS[node]
    until(lambda: f"{component} | " in shown(session, pane), what=f"a first line of {component}")
    say(session, node, component, f"hello of {short}")
    until(
        lambda: f"{component} | hello of {short}" in shown(session, pane),
        what="the line",
        seconds=2,
    )


def test_a_pane_goes_on_after_the_service_was_restarted(session: Bed) -> None:
    pane = pane_of(session, "wk2")
    until(lambda: "exareme | " in shown(session, pane), what="a first line")
    before = container(session, "fed1-wk-h2", "exareme")
    session.run("pusher", "mip", "restart", "--node", "wk2", timeout=300)
    until(
        lambda: container(session, "fed1-wk-h2", "exareme") not in (None, before),
        what="another container",
    )
    say(session, "fed1-wk-h2", "exareme", "hello of the next")
    until(lambda: "exareme | hello of the next" in shown(session, pane), what="the line", seconds=5)


def test_a_log_steers_no_terminal(session: Bed) -> None:
    pane = pane_of(session, "wk1")
    say(session, "fed1-wk-h1", "exareme", "before \x1b[2J\x07\u202eafter")
    until(lambda: r"before \x1b[2J\x07\u202eafter" in shown(session, pane), what="the line")


def test_the_second_window_has_the_tasks_and_what_is_wrong(session: Bed) -> None:
    until(lambda: "mip data consolidate" in shown(session, "fed1:2.0"), what="the tasks")
    until(lambda: "federation fed1: " in shown(session, "fed1:2.1"), what="the status", seconds=90)


def test_the_second_window_changes_by_itself_when_a_worker_goes_and_comes(session: Bed) -> None:
    until(lambda: "federation fed1: " in shown(session, "fed1:2.1"), what="the status", seconds=90)
    session.fault("fed1-wk-h3", "kill-minion")
    session.fault("fed1-wk-h3", "cut")

    def missing() -> bool:
        screen = shown(session, "fed1:2.1")
        return "ConnectionGone" in screen or "NodeSilent" in screen

    try:
        until(missing, what="it is gone", seconds=120)
    finally:
        session.fault("fed1-wk-h3", "heal")
    until(lambda: not missing(), what="it is back", seconds=180)
    tmux(session, "send-keys", "-t", "fed1:2.1", "C-c")
    until(lambda: ended(session, "fed1:2.1") == "1 130", what="its end")
    tmux(session, "respawn-pane", "-k", "-t", "fed1:2.1")
    until(lambda: "federation fed1: " in shown(session, "fed1:2.1"), what="it again", seconds=90)


def test_salt_run_attaches_at_a_terminal_and_switches_inside_tmux(deployed: Bed) -> None:
    deployed.run("pusher", "tmux", "kill-session", "-t", "fed1", check=False)
    run = "salt-run mip.tmux federation=fed1"
    said = deployed.run("pusher", *run.split()).stdout
    assert "-> tmux attach -t fed1" in said
    clients = ("list-clients", "-F", "#{client_session}")
    outer = ("tmux", "-L", "outer")
    deployed.run("pusher", *outer, "new-session", "-d", "-x", "100", "-y", "30", f"TMUX= {run}")
    try:
        until(lambda: tmux(deployed, *clients) == "fed1", what="the client")
    finally:
        deployed.run("pusher", *outer, "kill-server", check=False)
    until(lambda: tmux(deployed, *clients) == "", what="nobody")
    tmux(deployed, "new-session", "-d", "-s", "own")
    attach = "TMUX= tmux attach -t own"
    deployed.run("pusher", *outer, "new-session", "-d", "-x", "100", "-y", "30", attach)
    try:
        until(lambda: tmux(deployed, *clients) == "own", what="the client in a session of its own")
        tmux(deployed, "send-keys", "-t", "own:", run, "Enter")
        until(lambda: tmux(deployed, *clients) == "fed1", what="the client in the federation's")
    finally:
        deployed.run("pusher", *outer, "kill-server", check=False)
        tmux(deployed, "kill-session", "-t", "own")


def test_a_disabled_node_has_its_window_and_it_says_so(deployed: Bed) -> None:
    deployed.run("pusher", "mip", "node", "disable", "--node", "wk2", "--reason", "disk replaced")
    try:
        deployed.run("pusher", "mip", "tmux", "--force")
        until(lambda: "disk replaced" in shown(deployed, "fed1:6"), what="the reason")
        titles = tmux(deployed, "list-panes", "-t", "fed1:1", "-F", "#{@mip_pane}")
        assert "wk2 fed1-wk-h2 This node is disabled by root: disk replaced." in titles
    finally:
        deployed.run("pusher", "mip", "node", "enable", "--node", "wk2")


def test_a_node_that_is_not_reached_has_its_window_and_comes_again_by_a_key(session: Bed) -> None:
    session.fault("fed1-wk-h2", "cut")
    try:
        tmux(session, "respawn-pane", "-k", "-t", "fed1:6")
        until(lambda: "No connection" in shown(session, "fed1:6"), what="that it is not reached")
        dead = ("list-panes", "-t", "fed1:6", "-F", "#{pane_dead}")
        until(lambda: tmux(session, *dead) == "1", what="its end")
    finally:
        session.fault("fed1-wk-h2", "heal")
    tmux(session, "respawn-pane", "-k", "-t", "fed1:6")
    until(lambda: "$" in shown(session, "fed1:6"), what="a shell")


def test_logs_of_all_nodes_come_merged_by_time(deployed: Bed) -> None:
    for text, node in (("one", "fed1-ms"), ("two", "fed1-wk-h1"), ("three", "fed1-ms")):
        say(deployed, node, COMPONENTS[node], f"in order {text}")
    value = json.loads(deployed.run("pusher", "mip", "--json", "logs", "--since", "5m").stdout)
    ours = [line for line in value["lines"] if line["text"].startswith("in order")]
    assert [(line["node"], line["text"]) for line in ours] == [
        ("fed1-ms", "in order one"),
        ("fed1-wk-h1", "in order two"),
        ("fed1-ms", "in order three"),
    ]
    assert [line["time"] for line in value["lines"]] == sorted(
        line["time"] for line in value["lines"]
    )


def test_a_person_follows_all_nodes_and_ends_it_by_ctrl_c(deployed: Bed) -> None:
    # the shell outlives the Ctrl-C, and notes how mip took it
    program = "trap : INT; mip logs -f --limit 5 > /tmp/followed 2>&1; echo $? > /tmp/ended"
    tmux(deployed, "new-session", "-d", "-s", "follower", program)
    until(
        lambda: "wk1 exareme | " in deployed.run("pusher", "cat", "/tmp/followed").stdout,
        what="a first line",
    )
    say(deployed, "fed1-wk-h1", "exareme", "while it is followed")
    until(
        lambda: (
            "wk1 exareme | while it is followed"
            in deployed.run("pusher", "cat", "/tmp/followed").stdout
        ),
        what="the line",
    )
    tmux(deployed, "send-keys", "-t", "follower", "C-c")
    until(lambda: deployed.run("pusher", "cat", "/tmp/ended", check=False).stdout, what="the end")
    assert deployed.run("pusher", "cat", "/tmp/ended").stdout.strip() == "130"
    assert "Traceback" not in deployed.run("pusher", "cat", "/tmp/followed").stdout


def test_a_node_shows_its_own(deployed: Bed) -> None:
    status = deployed.run("fed1-wk-h1", "mip", "status")
    assert "fed1-wk-h1_exareme" in status.stdout
    assert "hbpmip/exareme:24.3.0" in status.stdout
    logs = deployed.run("fed1-wk-h1", "mip", "logs", "--limit", "1", user="mipadmin")
    assert logs.stdout.startswith("exareme | ")
    assert len(logs.stdout.splitlines()) == 1
    assert deployed.run("fed1-ui", "mip", "pull", "--component", "frontend").returncode == 0


def test_a_node_restarts_its_own_and_names_the_pushers_command_for_the_rest(deployed: Bed) -> None:
    before = container(deployed, "fed1-wk-h1", "exareme")
    deployed.run("fed1-wk-h1", "mip", "restart", "--component", "exareme")
    until(
        lambda: container(deployed, "fed1-wk-h1", "exareme") not in (None, before),
        what="another container",
    )
    stop = deployed.run("fed1-wk-h1", "mip", "stop", check=False)
    assert stop.returncode == 1
    assert "mip service stop --node" in stop.stderr
