"""One host: its power, its services, and commands that run in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.bed import accounts, cgroups, dockerd
from tests.support.bed.layout import CHECKOUT, KEPT, PREFIX_LENGTH, HostSpec, Layout
from tests.support.bed.network import Network
from tests.support.bed.processes import (
    PATH,
    kill_and_wait,
    marked_environment,
    marked_processes,
    runs,
)

ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", "USER": "root"}
BLANKED = ("/data", "/opt/mip-deployment", "/var/lib/mip")
BEACONS = "minion.d/beacons.conf"
RESTART_DELAY = 5.0  # seconds until a service that ended is started again


class HostOff(Exception):
    """The host has no power; nothing can run in it."""


def shown_folders() -> list[str]:
    """What a host sees of the machine as it is now: the checkout and the Python that runs it."""
    folders = {str(CHECKOUT), sys.prefix, sys.base_prefix} - {"/", "/usr", "/usr/local"}
    return sorted(folders)


class Host:
    """A host that has been laid out on disk; `spec` says which."""

    def __init__(self, layout: Layout, spec: HostSpec, network: Network) -> None:
        self.layout = layout
        self.spec = spec
        self.network = network
        self.name = spec.name

    @property
    def pid(self) -> int | None:
        """The pid of the host's init on the machine, or None when its power is off."""
        try:
            pid = int((self.layout.run(self.name) / "pid").read_text())
        except FileNotFoundError:
            return None
        return pid if runs(pid, str(self._config)) else None

    def write_config(
        self, services: Sequence[Mapping[str, object]], binds: Sequence[tuple[str, str]] = ()
    ) -> None:
        """What init needs: `services` are {name, argv, whole_group}, `binds` (source, path)."""
        own = [(str(self.layout.run(self.name)), "/run/bed")]
        kept = [(str(self.layout.disk(self.name) / path[1:]), path) for path in KEPT]
        config = {
            "name": self.name,
            "address": f"{self.spec.address}/{PREFIX_LENGTH}",
            "root": str(self.layout.root),
            "mount_point": str(self.layout.mount_point),
            "skeleton": str(self.layout.skeleton(self.name)),
            "run": str(self.layout.run(self.name)),
            "binds": [*own, *kept, *binds],
            "shown": shown_folders(),
            "services": list(services),
            "environment": ENVIRONMENT,
            "restart_delay": RESTART_DELAY,
        }
        self._config.write_text(json.dumps(config, indent=1))

    @property
    def _config(self) -> Path:
        """What init is started with: no other process has it among its arguments."""
        return self.layout.host(self.name) / "init.json"

    def power_on(self, without: Sequence[str] = ()) -> None:
        """Starts the host with what its disk holds; one that runs gets its services back.

        The services in `without` stay down until `start_service`.
        """
        run = self.layout.run(self.name)
        stopped = run / "stopped"
        stopped.mkdir(exist_ok=True)
        for service in stopped.iterdir():
            service.unlink()
        for service in without:
            (stopped / service).touch()
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGHUP)
            return
        for stale in ("pid", "ready", "services.json", "docker.sock"):
            (run / stale).unlink(missing_ok=True)
        log = (self.layout.host(self.name) / "init.log").open("ab")
        with log:
            process = subprocess.Popen(
                [
                    *("unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child"),
                    *(sys.executable, "-I", str(Path(__file__).with_name("init.py"))),
                    str(self._config),
                ],
                env=marked_environment(self.layout.root),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        self._wait_for("pid", process)
        self.network.plug(self.spec, int((run / "pid").read_text()))
        self._wait_for("ready", process)

    def _wait_for(self, mark: str, process: subprocess.Popen, seconds: float = 60) -> None:
        """Until the host's init has come that far."""
        deadline = time.monotonic() + seconds
        while not (self.layout.run(self.name) / mark).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                log = (self.layout.host(self.name) / "init.log").read_text(errors="replace")
                raise RuntimeError(f"{self.name} did not start:\n{log[-2000:]}")
            time.sleep(0.01)

    def slow_down(self, seconds: float) -> None:
        """Each frame takes `seconds` longer, both ways, until the host is healed."""
        if (pid := self.pid) is None:
            raise HostOff(f"{self.name} is powered off")
        self._end_relay()
        relay = self.network.slow(self.spec, pid, seconds, self.layout.root)
        self._relay_file.write_text(str(relay))

    def heal(self) -> None:
        """The cable is whole and quick again."""
        if not self._end_relay():
            self.network.heal(self.spec)
        elif (pid := self.pid) is not None:
            self.network.plug(self.spec, pid)
            self.run("ip", "address", "add", f"{self.spec.address}/{PREFIX_LENGTH}", "dev", "eth0")
            self.run("ip", "link", "set", "eth0", "up")

    @property
    def _relay_file(self) -> Path:
        return self.layout.host(self.name) / "relay"

    def _end_relay(self) -> bool:
        if not self._relay_file.exists():
            return False
        pid = int(self._relay_file.read_text())
        if pid in marked_processes(self.layout.root):
            kill_and_wait([pid])
        self._relay_file.unlink()
        return True

    def power_off(self) -> None:
        """Everything that runs in the host ends at once; nothing is told, nothing is flushed."""
        if (pid := self.pid) is not None:
            kill_and_wait([pid])
        self._end_relay()
        cgroups.remove(f"{self.layout.cgroup}/{self.name}")

    def run(
        self,
        *argv: str,
        input: str | bytes | None = None,  # noqa: A002 - subprocess.run's word
        check: bool = True,
        text: bool = True,
        timeout: float | None = 120,
        user: str | None = None,
    ) -> subprocess.CompletedProcess:
        """Runs a command in the host and returns what it said; `user`: as that user.

        Raises CalledProcessError with `check` when it fails, HostOff without power.
        """
        if user is not None:
            who = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env")
            argv = (*who, "-C", f"/home/{user}", f"HOME=/home/{user}", f"USER={user}", *argv)
        if isinstance(input, bytes):
            text = False
        result = subprocess.run(
            self.enter(*argv),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=text,
            check=False,
            timeout=timeout,
        )
        if check and result.returncode:
            error = subprocess.CalledProcessError(
                result.returncode, [self.name, *argv], result.stdout, result.stderr
            )
            error.add_note(f"stdout: {result.stdout!r}\nstderr: {result.stderr!r}")
            raise error
        return result

    def enter(self, *argv: str) -> list[str]:
        """The command line that runs `argv` in the host from outside."""
        pid = self.pid
        if pid is None:
            raise HostOff(f"{self.name} is powered off")
        environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        if terminal := os.environ.get("TERM"):
            environment.append(f"TERM={terminal}")
        return [
            *("nsenter", "-t", str(pid), "-n", "-u", "-m", "-p", "--"),
            *("env", "-i", "-C", "/root", *environment, *argv),
        ]

    def wipe_docker(self) -> None:
        """Power off, a new disk for Docker, power on."""
        self.power_off()
        folder = self.layout.outside(self.name, "/var/lib/docker")
        shutil.rmtree(folder)
        folder.mkdir(mode=0o710)
        self.power_on()

    def blank(self, without: Sequence[str] = ()) -> None:
        """Power off, away with a federation's data, our state and the engine's, power on.

        The services in `without` stay down until `start_service`.
        """
        self.power_off()
        dockerd.forget(self.layout, self.name)
        for path in BLANKED:
            for entry in self.layout.outside(self.name, path).iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        # what a state of ours installed: a controller that is woken would follow a test's own data
        (self.layout.outside(self.name, "/etc/salt") / BEACONS).unlink(missing_ok=True)
        accounts.federation_folder(self.layout, self.spec)
        self.power_on(without)

    def service_pid(self, service: str) -> int | None:
        """The service's pid in the host, None while it is down."""
        try:
            pids = json.loads((self.layout.run(self.name) / "services.json").read_text())
        except FileNotFoundError:
            return None
        return pids[service]

    def kill_service(self, service: str) -> None:
        """SIGKILL; init starts it again after RESTART_DELAY."""
        if (pid := self.service_pid(service)) is not None:
            # the minion's own child holds its connection, and is in its process group
            target = str(pid) if service == "dockerd" else f"-{pid}"
            self.run("kill", "-9", "--", target, check=False)

    def stop_service(self, service: str) -> None:
        """SIGKILL, and it stays down until `start_service` or power_on."""
        (self.layout.run(self.name) / "stopped" / service).touch()
        self.kill_service(service)

    def start_service(self, service: str) -> None:
        (self.layout.run(self.name) / "stopped" / service).unlink(missing_ok=True)
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGHUP)
