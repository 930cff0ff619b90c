"""Names that a host knows: its users, the other hosts, and the commands on its path."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from tests.support.bed.layout import FEDERATION, HostSpec, Layout

OPERATOR = "mipadmin"
COMMANDS = (
    *("mip", "salt", "salt-call", "salt-key", "salt-run", "salt-cp"),
    *("salt-master", "salt-minion"),
)


SCRIPTS = {
    "systemctl": 'exec {python} -I {here}/systemctl.py "$@"',
    "salt-pip": 'exec {python} -m pip "$@"',
}
"""What a host has under another name, as shell."""


def free_id() -> int:
    """A number that is neither a user nor a group of the machine."""
    taken = {
        int(line.split(":")[2])
        for file in ("/etc/passwd", "/etc/group")
        for line in Path(file).read_text().splitlines()
        if line.count(":") >= 2
    }
    return next(number for number in range(2000, 60000) if number not in taken)


def lay_out(layout: Layout, host: HostSpec, hosts: tuple[HostSpec, ...]) -> None:
    """Writes the host's /etc and links the commands of this Python into its path."""
    skeleton = layout.skeleton(host.name)
    etc = skeleton / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    _users(etc, layout, host)
    names = "".join(f"{other.address} {other.name}\n" for other in hosts)
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
    (etc / "hostname").write_text(f"{host.name}\n")
    # nobody answers there: a name that is not in /etc/hosts fails at once
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
    commands = skeleton / "usr/local/bin"
    commands.mkdir(parents=True, exist_ok=True)
    for command in COMMANDS:
        link = commands / command
        link.unlink(missing_ok=True)
        link.symlink_to(Path(sys.prefix) / "bin" / command)
    python = shlex.quote(str(Path(sys.prefix) / "bin/python"))
    here = shlex.quote(str(Path(__file__).parent))
    for name, line in SCRIPTS.items():
        script = commands / name
        script.write_text(f"#!/bin/sh\n{line.format(python=python, here=here)}\n")
        script.chmod(0o755)


def _users(etc: Path, layout: Layout, host: HostSpec) -> None:
    number = free_id()

    def machine(name: str) -> list[str]:
        lines = Path("/etc", name).read_text().splitlines()
        return [line for line in lines if not line.startswith(f"{OPERATOR}:")]

    passwd = [*machine("passwd"), f"{OPERATOR}:x:{number}:{number}::/home/{OPERATOR}:/bin/bash"]
    group = [line for line in machine("group") if not line.startswith("docker:")]
    group += [f"{OPERATOR}:x:{number}:", f"docker:x:{_docker_group(number)}:{OPERATOR}"]
    (etc / "passwd").write_text("\n".join(passwd) + "\n")
    (etc / "group").write_text("\n".join(group) + "\n")
    # nobody has a password; a key opens the operator's account
    shadow = etc / "shadow"
    shadow.touch(0o640)
    names = [line.split(":")[0] for line in passwd]
    shadow.write_text("".join(f"{name}:*:19000:0:99999:7:::\n" for name in names))
    home = layout.outside(host.name, f"/home/{OPERATOR}")
    home.mkdir(parents=True, exist_ok=True)
    _own(home, number)
    for path, mode in (("/data", 0o770), ("/opt/mip-deployment", 0o755)):
        folder = layout.outside(host.name, path)
        folder.chmod(mode)
        _own(folder, number)
    federation_folder(layout, host)
    # the operator's Python may lie below it
    layout.outside(host.name, "/root").chmod(0o711)


def federation_folder(layout: Layout, host: HostSpec) -> None:
    """What stands on a node before anything is deployed: its data path, the ui's configuration."""
    if host.role in ("master", "worker"):
        data = layout.outside(host.name, f"/data/{FEDERATION}")
        data.mkdir(exist_ok=True)
        data.chmod(0o770)
        own_like(data, data.parent)
    elif host.role == "ui":
        deployment = layout.outside(host.name, "/opt/mip-deployment")
        for folder in (deployment / "Federation", deployment / "Federation/config"):
            folder.mkdir(exist_ok=True)
            own_like(folder, deployment)


def _docker_group(number: int) -> int:
    for line in Path("/etc/group").read_text().splitlines():
        if line.startswith("docker:"):
            return int(line.split(":")[2])
    return number + 1


def _own(folder: Path, number: int) -> None:
    os.chown(folder, number, number)


def own_like(path: Path, other: Path) -> None:
    """Gives `path` the owner and group of `other`."""
    status = other.stat()
    os.chown(path, status.st_uid, status.st_gid)
