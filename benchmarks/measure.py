"""What a command costs, as a shell would see it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Cost:
    """Wall-clock and CPU seconds of a command and what it waited for; its largest memory in MB."""

    wall: float
    cpu: float
    memory: float

    def shown(self) -> str:
        return f"{self.wall:6.2f} s wall  {self.cpu:6.2f} s CPU  {self.memory:5.0f} MB"

    def wire(self) -> dict[str, float]:
        return {key: round(value, 3) for key, value in asdict(self).items()}


def command(argv: Sequence[str], env: Mapping[str, str], says: str = "") -> Cost:
    """Run it once; an error where it fails, or does not print ``says``."""
    began = time.monotonic()
    with subprocess.Popen(
        argv, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        said = running.stdout.read()
        _, status, used = os.wait4(running.pid, 0)
        wall = time.monotonic() - began
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode or says not in said:
        raise SystemExit(f"exit code {running.returncode}: {' '.join(argv)}\n{said}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def middle(argv: Sequence[str], env: Mapping[str, str], says: str = "", times: int = 5) -> Cost:
    """The run of median wall time."""
    runs = sorted((command(argv, env, says) for _ in range(times)), key=lambda cost: cost.wall)
    return runs[len(runs) // 2]
