"""How what was printed is obeyed: by its commands, and by hand where it tells what to change."""

from __future__ import annotations

import re

import saltext_mip
from tests.federation.arranged import (
    H1,
    H2,
    H3,
    SECRETS,
    pending,
    wheel,
)
from tests.federation.surroundings import Printed, Surrounded
from tests.support.bed.layout import PUSHER
from tests.support.bed.wait import until

REQUIRED = "mip --no-color --quiet check-required"
CHECK = "mip --no-color --quiet node check"
STATUS = "mip --no-color --quiet status --check"

TMUX = "mip --no-color tmux --force"
WINDOW = "tmux capture-pane -p -J -t fed1:5"  # of the first hospital


def fingerprint(fed: Surrounded, node: str) -> str:
    shown = fed.changes(node, "salt-call --local --out=txt -l quiet key.finger 2> /dev/null")
    return shown.removeprefix("local: ").strip()


def accept_other_key(printed: Printed) -> None:
    printed.says(f"denied: {fingerprint(printed.fed, H1)}")
    printed.obey(PUSHER, f"salt-key -d {H1}")
    printed.obey(H1, "systemctl restart salt-minion", printed="restart salt-minion on the node")
    pending(printed.fed, H1)
    printed.obey(PUSHER, f"salt-key -a {H1}")


def accept_key(printed: Printed) -> None:
    printed.says("salt-call --local key.finger")
    printed.says(f"its fingerprint: {fingerprint(printed.fed, printed.node)}")
    printed.obey(PUSHER, f"salt-key -a {printed.node}")


def restart_minion(printed: Printed) -> None:
    printed.obey(printed.node, "systemctl restart salt-minion")


def let_it_end(printed: Printed) -> None:
    printed.says("Wait, and run the command again")
    printed.fed.changes(H2, "kill -CONT $(cat /run/stopped-job)")


def let_answers_through(printed: Printed) -> None:
    printed.says("Check its power and network")
    printed.fed.changes(H3, "iptables -D OUTPUT -p tcp --dport 4506 -j DROP")


def install(printed: Printed) -> None:
    printed.says("salt-pip install --upgrade")
    new = wheel(printed.fed, printed.node, saltext_mip.__version__)
    options = "-q --no-index --no-deps"  # the registry of these hosts: a folder
    printed.fed.changes(printed.node, f"salt-pip install --upgrade {options} {new}")
    printed.says("restart salt-minion")
    printed.fed.changes(printed.node, "systemctl restart salt-minion")


def mount_writable(printed: Printed) -> None:
    printed.says("mount the disk writable")
    printed.fed.changes(PUSHER, "mount -o remount,bind,rw /var/lib/mip")


def free_space(printed: Printed) -> None:
    printed.says("free space")
    printed.fed.changes(PUSHER, "rm /var/lib/mip/core.4711")
    _, text = printed.fed.types(PUSHER, STATUS)
    assert re.search("StateWritable +Writable", text), text
    printed.fed.changes(PUSHER, "umount -l /var/lib/mip /run/copy")


def give_to_salt(printed: Printed) -> None:
    for command in (f"chown salt {SECRETS}", "chown -R salt: /var/lib/mip"):
        printed.obey(PUSHER, command)
    fed = printed.fed
    until(
        lambda: fed.types(PUSHER, REQUIRED)[0] == 0,
        seconds=60,
        every=1,
        what="a pusher",
    )
    until(lambda: fed.types(PUSHER, CHECK)[0] == 0, seconds=60, every=1, what="all nodes")
    # a session is the person's, and not salt's, who has no ssh key
    code, text = fed.types(PUSHER, "setsid -w bash -c 'salt-run mip.tmux federation=fed1; exit $?'")
    assert (code, "Run: sudo mip tmux" in text) == (1, True), text
    fed.changes(PUSHER, "mip tmux; tmux has-session -t fed1; tmux kill-server")
    fed.changes(
        PUSHER,
        "systemctl stop salt-master; sed -i '/^user: salt/d' /etc/salt/master; chown -R root: "
        f"/etc/salt/pki/master /var/cache/salt/master /var/log /run/salt {SECRETS} /var/lib/mip; "
        "systemctl start salt-master",
    )


def shell_there(printed: Printed) -> None:
    """The first hospital's window has a shell on it."""
    fed = printed.fed

    def greeted() -> bool:
        fed.types(PUSHER, "tmux send-keys -t fed1:5 'echo at $(hostname)' Enter")
        return f"at {H1}" in fed.types(PUSHER, WINDOW)[1]

    def shown() -> str:
        return fed.types(PUSHER, WINDOW)[1]

    until(greeted, seconds=30, every=0.5, what="a shell on a node", instead=shown)
    fed.changes(PUSHER, "tmux kill-server")
