"""A host's `systemctl`: as much of systemd's as an operator types about the services of our init.

Runs by itself inside a host, as a person there types it (`python -I systemctl.py ACTION UNIT`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

BED = Path("/run/bed")
SOCKETS = {"dockerd": "/run/docker.sock"}  # its unit is started when this answers
UNITS = {"docker": "dockerd", "salt-master": "master", "salt-minion": "minion", "ssh": "sshd"}
INACTIVE = 3  # systemd's exit code
STOP_SECONDS = 10.0  # systemd's is 90
START_SECONDS = 60.0


def pid_of(service: str) -> int | None:
    pid: int | None = json.loads((BED / "services.json").read_text())[service]
    return pid


def wake_init() -> None:
    os.kill(1, signal.SIGHUP)


def stop(service: str) -> None:
    """As systemd with KillMode=process: terminated, and killed if it does not end in time."""
    (BED / "stopped" / service).touch()
    pid = pid_of(service)
    if pid is None:
        return
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        for number in (signal.SIGTERM, signal.SIGCONT):
            os.kill(pid, number)
        while pid_of(service) == pid and time.monotonic() < deadline:
            time.sleep(0.05)
        if pid_of(service) == pid:
            os.kill(pid, signal.SIGKILL)
    while pid_of(service) == pid:
        time.sleep(0.05)


def start(service: str) -> None:
    (BED / "stopped" / service).unlink(missing_ok=True)
    wake_init()
    deadline = time.monotonic() + START_SECONDS
    while not is_up(service):
        if time.monotonic() > deadline:
            sys.exit(f"Job for {service} failed because a timeout was exceeded.")
        time.sleep(0.05)


def is_up(service: str) -> bool:
    if pid_of(service) is None:
        return False
    if service not in SOCKETS:
        return True
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(SOCKETS[service])
        return True
    return False


def main(action: str, unit: str = "") -> int:
    if action == "--version":  # Salt asks
        print("systemd 252\n-PAM")
        return 0
    try:
        service = UNITS[unit.removesuffix(".service")]
    except KeyError:
        sys.exit(f"Unit {unit}.service could not be found.")
    match action:
        case "start":
            start(service)
        case "stop":
            stop(service)
        case "restart":
            stop(service)
            start(service)
        case "reload":
            if (pid := pid_of(service)) is None:
                sys.exit(f"{unit}.service is not active, cannot reload.")
            os.kill(pid, signal.SIGHUP)
        case "status":
            up = pid_of(service) is not None
            print(f"{unit}.service: {'active (running)' if up else 'inactive (dead)'}")
            return 0 if up else INACTIVE
        case _:
            sys.exit(f"Unknown command verb {action}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
