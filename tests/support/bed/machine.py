"""What the machine must have for a bed, and what is installed where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.support.bed.layout import BedUnavailable

# program -> Debian package
PROGRAMS = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "ip": "iproute2",
    "ps": "procps",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "tmux": "tmux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}


def missing_packages() -> list[str]:
    """The packages of the programs that are not there; nothing is `started` by them."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    return sorted({PROGRAMS[name] for name in missing})


def require() -> None:
    """Raises BedUnavailable unless this machine can have a bed; installs what is missing."""
    if os.geteuid() != 0:
        raise BedUnavailable("a bed needs root: namespaces, mounts and dockerd")
    if missing := missing_packages():
        _install(missing)
    probe = subprocess.run(
        ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode:
        raise BedUnavailable(f"no namespaces to be had here: {probe.stderr.strip()}")


def _install(packages: list[str]) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise BedUnavailable(f"install {names} (there is no apt-get to do it)")
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for attempt in ("as it is", "after an update"):
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment
        )
        if result.returncode == 0:
            return
        if attempt == "as it is":
            subprocess.run(["apt-get", "update"], capture_output=True, check=False)
    raise BedUnavailable(f"cannot install {names}: {result.stderr.strip().splitlines()[-1]}")
