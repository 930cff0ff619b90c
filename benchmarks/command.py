"""What ``mip nodes`` costs beside an empty ``salt-run``, and what is answered from the pusher's
state beside an empty Python, all as a shell sees them.

On a federation on loopback with one worker. Those that are compared take turns, so that what else
the machine does meets both; the ratio is that of the medians.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support import salthost
from tests.support.local import PUSHER, LocalFederation
from tests.support.observed import observed
from tests.support.returns import example

from benchmarks import measure
from saltext_mip import results

TIMES = 15
LIMIT = 1.15
AT_ONCE = 0.15  # seconds, on a quiet machine


def main() -> dict[str, Any]:
    return {**beside_salt(), "at once": at_once()}


def at_once() -> dict[str, Any]:
    """Seconds of what needs no Salt, beside those of an empty Python."""
    last = results.parse("status", example("status-trouble")[1])
    commands = {"python -c pass": [sys.executable, "-c", "pass"]}
    for line in ("status", "describe wk1", "events", "history", "__names nodes"):
        commands[f"mip {line}"] = [salthost.command("mip"), *line.split()]
    runs: dict[str, list[float]] = {name: [] for name in commands}
    with TemporaryDirectory() as folder, observed(Path(folder), last) as (config, _):
        env = {**os.environ, "SALT_CONFIG_DIR": str(config)}
        for _ in range(TIMES):
            for name, argv in commands.items():
                runs[name].append(measure.command(argv, env).wall)
    found = {name: round(statistics.median(each), 3) for name, each in runs.items()}
    for name, seconds in found.items():
        print(f"{name:20} {seconds * 1000:.0f} ms (at most {AT_ONCE * 1000:.0f})")
    return found


def beside_salt() -> dict[str, Any]:
    """A command that asks no node beside ``salt-run``."""
    with LocalFederation(workers=1) as fed:
        config = str(fed.hosts[PUSHER].config)
        commands = {
            "salt-run test.arg": [salthost.command("salt-run"), "-c", config, "test.arg"],
            "mip nodes": [salthost.command("mip"), "-c", config, "nodes"],
        }
        runs: dict[str, list[measure.Cost]] = {name: [] for name in commands}
        for _ in range(TIMES):
            for name, argv in commands.items():
                runs[name].append(measure.command(argv, fed.env()))
    result: dict[str, Any] = {}
    for name, costs in runs.items():
        result[name] = {
            "wall": round(statistics.median(cost.wall for cost in costs), 3),
            "cpu": round(statistics.median(cost.cpu for cost in costs), 3),
        }
        print(f"{name:20} {result[name]['wall']:.2f} s wall  {result[name]['cpu']:.2f} s CPU")
    empty, nodes = result.values()
    result["ratio"] = {kind: round(nodes[kind] / empty[kind], 2) for kind in ("wall", "cpu")}
    print(
        f"ratio                {result['ratio']['wall']:.2f} wall    "
        f"{result['ratio']['cpu']:.2f} CPU (at most {LIMIT})"
    )
    return result
