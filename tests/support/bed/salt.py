"""Salt on every host: the master on the pusher, a minion on each node, keys that match.

The keys are made before anything starts and each side is given the other's, so that nothing
is accepted unseen: no auto_accept, and a minion knows its master.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.bed.layout import PUSHER, HostSpec, Layout

MASTER = """\
interface: 0.0.0.0
worker_threads: 3
"""
MINION = """\
master: {pusher}
id: {name}
enable_fqdns_grains: false
random_reauth_delay: 1
recon_default: 500
recon_max: 2000
acceptance_wait_time: 1
auth_tries: 60
auth_timeout: 5
"""


def service(role: str) -> dict[str, object]:
    """The master on the pusher; everywhere else a minion."""
    kind = "master" if role == "pusher" else "minion"
    program = str(Path(sys.prefix) / "bin" / f"salt-{kind}")
    return {"name": kind, "argv": [program, "-l", "warning"], "whole_group": True}


def lay_out(layout: Layout, hosts: tuple[HostSpec, ...]) -> None:
    """Writes configurations, and key pairs where there are none yet."""
    master = layout.outside(PUSHER, "/etc/salt")
    (master / "master.d").mkdir(parents=True, exist_ok=True)
    (master / "master").write_text(MASTER)
    # as a master that ran before left it: without, no runner runs
    (layout.outside(PUSHER, "/var/cache/salt") / "master/proc").mkdir(parents=True, exist_ok=True)
    pki = master / "pki/master"
    master_public = _key_pair(pki, "master")
    (pki / "minions").mkdir(exist_ok=True)
    for host in hosts:
        if host.role == "pusher":
            continue
        etc = layout.outside(host.name, "/etc/salt")
        (etc / "minion.d").mkdir(parents=True, exist_ok=True)
        (etc / "minion").write_text(MINION.format(pusher=PUSHER, name=host.name))
        public = _key_pair(etc / "pki/minion", "minion")
        (etc / "pki/minion/minion_master.pub").write_text(master_public)
        (pki / "minions" / host.name).write_text(public)


def _key_pair(folder: Path, name: str) -> str:
    """Makes <name>.pem and <name>.pub unless they are there; returns the public one."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    if not private.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private.touch(0o400)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    return public.read_text()
