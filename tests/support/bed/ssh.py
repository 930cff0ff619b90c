"""sshd on every host, and the pusher's key that opens the operator's account on the nodes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.bed.accounts import OPERATOR
from tests.support.bed.layout import PUSHER, HostSpec, Layout

SSHD = """\
Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
AuthorizedKeysFile .ssh/authorized_keys
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""
SERVICE = {"name": "sshd", "argv": ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config"]}


def _key(path: Path, comment: str) -> str:
    """Makes a key pair unless it is there; returns the public line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    return path.with_suffix(path.suffix + ".pub").read_text().strip()


def lay_out(layout: Layout, hosts: tuple[HostSpec, ...]) -> None:
    """Host keys, who knows whom, and the operator's key on the pusher."""
    known = []
    names = " ".join(host.name for host in hosts)
    for host in hosts:
        etc = layout.skeleton(host.name) / "etc/ssh"
        public = _key(etc / "ssh_host_ed25519_key", host.name)
        known.append(f"{host.name},{host.address} {public}")
        (etc / "sshd_config").write_text(SSHD)
        (etc / "ssh_config").write_text(f"Host {names}\n    User {OPERATOR}\n")
    root = layout.outside(PUSHER, "/root/.ssh")
    public = _key(root / "id_ed25519", f"{OPERATOR}@{PUSHER}")
    for host in hosts:
        (layout.skeleton(host.name) / "etc/ssh/ssh_known_hosts").write_text("\n".join(known) + "\n")
        _home(layout.outside(host.name, f"/home/{OPERATOR}"), {"authorized_keys": public + "\n"})
    private = (root / "id_ed25519").read_text()
    _home(
        layout.outside(PUSHER, f"/home/{OPERATOR}"),
        {"id_ed25519": private, "id_ed25519.pub": public + "\n"},
    )
    root.chmod(0o700)


def _home(home: Path, files: dict[str, str]) -> None:
    owner = home.stat()
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, owner.st_uid, owner.st_gid)
    for name, content in files.items():
        file = folder / name
        file.touch(0o600)
        file.write_text(content)
        os.chown(file, owner.st_uid, owner.st_gid)
