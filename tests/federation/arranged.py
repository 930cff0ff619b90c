"""How surroundings become what the rows of the table say: by faults, and by hand on real hosts."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.federation.deployed import UI
from tests.federation.followed import STATE
from tests.federation.surroundings import Surrounded
from tests.support.bed.layout import CHECKOUT, PUSHER
from tests.support.bed.wait import for_minions, until

H1, H2, H3 = "fed1-wk-h1", "fed1-wk-h2", "fed1-wk-h3"
KEYS = "/etc/salt/pki/master"
SECRETS = "/srv/pillar/mip/fed1-secrets.sls"


def pending(fed: Surrounded, node: str) -> None:
    """Its key waits to be accepted."""
    waiting = fed.bed.path(PUSHER, f"{KEYS}/minions_pre/{node}")
    until(waiting.exists, seconds=60, what=f"a key of {node} that waits")


def another_key(fed: Surrounded) -> None:
    """The node was installed again: its minion makes another key."""
    fed.changes(H1, "systemctl stop salt-minion; rm /etc/salt/pki/minion/minion.pem")
    fed.changes(H1, "rm /etc/salt/pki/minion/minion.pub; systemctl start salt-minion")
    denied = fed.bed.path(PUSHER, f"{KEYS}/minions_denied/{H1}")
    until(denied.exists, seconds=60, what="a denied key")


def key_deleted(fed: Surrounded) -> None:
    fed.changes(PUSHER, f"salt-key -d {UI}")
    fed.changes(UI, "systemctl restart salt-minion")
    pending(fed, UI)


def answers_dropped(fed: Surrounded) -> None:
    """A firewall lets the node hear the Salt master, and takes what it sends back."""
    fed.changes(H3, "iptables -I OUTPUT -p tcp --dport 4506 -j DROP")


def halted(fed: Surrounded) -> None:
    """All processes of the minion are stopped; the Salt master ends a connection without life."""
    fed.changes(H3, "kill -STOP $(pgrep -f '[s]alt-minion')")
    until(lambda: H3 not in connected(fed), seconds=60, what="the end of its connection")


def job_that_hangs(fed: Surrounded) -> None:
    """The next status job of the node gets no further."""
    found = "grep -l federation_node.status /var/cache/salt/minion/proc/* 2> /dev/null"
    stop = 'kill -STOP $(pgrep -f "$(basename $job)" | tee /run/stopped-job)'
    line = f"until job=$({found}); do sleep 0.05; done; {stop}"
    fed.bed.write(H2, "/root/stop-job", line.encode())
    fed.changes(H2, "nohup bash /root/stop-job > /dev/null 2>&1 &")


def responds(fed: Surrounded, node: str) -> None:
    for_minions(fed.bed.host(PUSHER), [node])


def own_python(fed: Surrounded, node: str) -> None:
    """What is installed on this host from now on is its own."""
    fed.changes(
        node,
        "mkdir -p /run/python/new /run/python/work; mount -t overlay overlay -o "
        f"lowerdir={sys.prefix},upperdir=/run/python/new,workdir=/run/python/work {sys.prefix}",
    )


def wheel(fed: Surrounded, node: str, version: str) -> str:
    """A wheel of that version in the node's /srv; its path there."""
    tree, out = Path(f"/tmp/tree-{version}"), "/srv/wheels"
    copied = " ".join(
        ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "NOTICE")
    )
    fed.changes(
        node,
        f"mkdir -p {tree} {out}; cd {CHECKOUT}; cp -r {copied} src states reactor pillar {tree}; "
        f"rm -rf {tree}/src/*.egg-info; export SETUPTOOLS_SCM_PRETEND_VERSION={version}; "
        f"{sys.executable} -m pip wheel -q --no-deps --no-build-isolation -w {out} {tree}; "
        f"rm -r {tree}",
    )
    (found,) = fed.bed.path(node, out).glob(f"saltext_mip-{version}-*.whl")
    return f"{out}/{found.name}"


def without_extension(fed: Surrounded) -> None:
    """As after an upgrade of Salt's Python, which leaves its packages behind."""
    own_python(fed, UI)
    fed.changes(UI, "salt-pip uninstall -q -y saltext-mip; systemctl restart salt-minion")
    responds(fed, UI)


def older_extension(fed: Surrounded) -> None:
    own_python(fed, H2)
    old = wheel(fed, H2, "0.0.1")
    fed.changes(
        H2,
        f"salt-pip install -q --no-index --no-deps {old}; systemctl restart salt-minion",
    )
    responds(fed, H2)


def connected(fed: Surrounded) -> set[str]:
    """The nodes with a connection to the Salt master's publisher."""
    shown = fed.changes(PUSHER, "ss -Htn state established sport = :4505")
    return {name for name in fed.nodes if f"{fed.bed.host(name).spec.address}:" in shown}


def read_only(fed: Surrounded) -> None:
    """As after an error of the disk; what the controller has open was opened before."""
    fed.changes(PUSHER, "mount --bind /var/lib/mip /var/lib/mip")
    fed.changes(PUSHER, "mount -o remount,bind,ro /var/lib/mip")


def full(fed: Surrounded) -> None:
    """A disk of the size of what is on it, and a file of somebody's on the rest."""
    fed.changes(
        PUSHER,
        "mkdir /run/copy; mount -t tmpfs -o size=16m,mode=755 tmpfs /run/copy; "
        "cp -a /var/lib/mip/. /run/copy; mount --bind /run/copy /var/lib/mip; "
        "dd if=/dev/zero of=/var/lib/mip/core.4711 bs=1k 2> /dev/null || true",
    )


def as_packages_do(fed: Surrounded) -> None:
    """Salt's packages run the master as their own user; our state and the secrets are root's."""
    fed.changes(
        PUSHER,
        "id salt 2> /dev/null || useradd -r -d /opt/saltstack/salt -s /usr/sbin/nologin salt; "
        "systemctl stop salt-master; echo 'user: salt' >> /etc/salt/master; "
        "chown -R salt: /etc/salt/pki/master /var/cache/salt/master /var/log /run/salt; "
        "chmod -R u=rwX,go= /var/lib/mip; systemctl start salt-master",
    )


def keys_forgotten(fed: Surrounded) -> None:
    fed.changes(PUSHER, f"tmux kill-server 2> /dev/null; rm {STATE}/known_hosts")


def address(fed: Surrounded, host: str) -> str:
    return fed.bed.host(host).spec.address
