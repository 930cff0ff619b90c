"""The first process of a host: builds its root file system, starts its services, reaps.

Runs by itself with the standard library alone (`python -I init.py CONFIG`), in namespaces
that are already its own. When it is killed, the kernel ends everything of the host with it:
that is how a host loses its power. A service that ends is started again after
`restart_delay` seconds, as an operator's systemd would, unless a file of its name stands in
/run/bed/stopped. SIGHUP: look now.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

BED = Path("/run/bed")


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


class Root:
    """The host's root file system: the machine's below, the host's own in memory above."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.base = Path(config["mount_point"])
        self.new = self.base / "root"

    def build(self) -> None:
        mount("--make-rprivate", "/")
        mount("-t", "tmpfs", "-o", "mode=755", "bed", self.base)
        for name in ("upper", "work", "root"):
            (self.base / name).mkdir()
        upper = self.base / "upper"
        shutil.copytree(self.config["skeleton"], upper, symlinks=True, dirs_exist_ok=True)
        layers = f"lowerdir=/,upperdir={upper},workdir={self.base / 'work'}"
        mount("-t", "overlay", "-o", layers, "bed", self.new)
        # the identity of an engine that once ran on this machine is no host's
        (self.new / "etc/docker/key.json").unlink(missing_ok=True)
        self._kernel_folders()
        self._own_folders()
        self._shown_folders()

    def _kernel_folders(self) -> None:
        mount("-t", "proc", "proc", self.new / "proc")
        mount("-t", "sysfs", "sysfs", self.new / "sys")
        mount("--rbind", "/sys/fs/cgroup", self.new / "sys/fs/cgroup")
        mount("--rbind", "/dev", self.new / "dev")
        mount("-t", "tmpfs", "-o", "mode=1777", "shm", self.new / "dev/shm")

    def _own_folders(self) -> None:
        mount("-t", "tmpfs", "-o", "mode=755", "run", self.new / "run")
        (self.new / "run/sshd").mkdir()
        mount("-t", "tmpfs", "-o", "mode=1777", "tmp", self.new / "tmp")
        # the other hosts' disks are no business of this one
        mount("-t", "tmpfs", "-o", "mode=700", "bed", self._inside(self.config["root"]))
        for source, path in self.config["binds"]:
            inside = self._inside(path)
            inside.mkdir(parents=True, exist_ok=True)
            mount("--bind", source, inside)

    def _shown_folders(self) -> None:
        """The checkout and its Python, live, also where they lie below a folder of our own."""
        for path in self.config["shown"]:
            inside = self._inside(path)
            inside.mkdir(parents=True, exist_ok=True)
            mount("--rbind", path, inside)

    def _inside(self, path: str) -> Path:
        return self.new / path.lstrip("/")

    def enter(self) -> None:
        old = self.new / "run/old"
        old.mkdir()
        subprocess.run(["pivot_root", str(self.new), str(old)], check=True)
        os.chdir("/")
        subprocess.run(["umount", "-l", "/run/old"], check=True)
        Path("/run/old").rmdir()
        # shared among the host's own mounts, as on a machine under systemd: rslave needs it
        mount("--make-rshared", "/")


def configure_network(address: str) -> None:
    """Waits for the cable, which is plugged in from outside, and takes the address."""
    deadline = time.monotonic() + 30
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    while not Path("/sys/class/net/eth0").exists():
        if time.monotonic() > deadline:
            raise SystemExit("init: no eth0 within 30 s")
        time.sleep(0.01)
    subprocess.run(["ip", "address", "add", address, "dev", "eth0"], check=True)
    subprocess.run(["ip", "link", "set", "eth0", "up"], check=True)


class Service:
    """One of the host's programs, and when it is due again."""

    def __init__(
        self,
        name: str,
        argv: list[str],
        whole_group: bool = False,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = argv
        self.environment = environment or {}
        self.whole_group = whole_group
        self.pid: int | None = None
        self.due = 0.0

    @property
    def stopped(self) -> bool:
        return (BED / "stopped" / self.name).exists()

    def start(self, environment: dict[str, str]) -> None:
        log = f"/var/log/{self.name}.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.pid = os.posix_spawnp(
            self.argv[0],
            self.argv,
            {**environment, **self.environment},
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE],
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o640),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )

    def ended(self, now: float, delay: float) -> None:
        if self.whole_group and self.pid is not None:
            # a Salt minion that starts while its old child lives ends without a word
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.pid = None
        self.due = now + delay


class Init:
    """Keeps the services running until the host's power goes."""

    def __init__(self, config: dict) -> None:
        self.services = [Service(**service) for service in config["services"]]
        self.environment = config["environment"]
        self.delay = config["restart_delay"]

    def run(self) -> None:
        wakes = [signal.SIGCHLD, signal.SIGHUP]
        signal.pthread_sigmask(signal.SIG_BLOCK, wakes)
        while True:
            self._reap()
            self._start_due(time.monotonic())
            signal.sigtimedwait(wakes, 0.5)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for service in self.services:
                if service.pid == pid:
                    service.ended(time.monotonic(), self.delay)
                    self._tell()

    def _start_due(self, now: float) -> None:
        for service in self.services:
            if service.stopped:
                service.due = now
            elif service.pid is None and now >= service.due:
                service.start(self.environment)
                self._tell()

    def _tell(self) -> None:
        """Whoever looks at /run/bed/services.json sees it whole, with pids of the host."""
        new = BED / "services.json.new"
        new.write_text(json.dumps({service.name: service.pid for service in self.services}))
        new.replace(BED / "services.json")


def main() -> None:
    # in a new process namespace the machine's /proc still names us as the machine does
    outer_pid = Path("/proc/self").readlink().name
    config = json.loads(Path(sys.argv[1]).read_text())
    run = Path(config["run"])
    root = Root(config)
    root.build()
    (run / "pid.new").write_text(outer_pid)
    (run / "pid.new").replace(run / "pid")
    root.enter()
    socket.sethostname(config["name"])
    (BED / "stopped").mkdir(exist_ok=True)
    configure_network(config["address"])
    (BED / "ready").touch()
    Init(config).run()


if __name__ == "__main__":
    main()
