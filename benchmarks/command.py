"""What ``mip nodes`` costs beside an empty ``salt-run``, both as a shell sees them.

On a federation on loopback with one worker. The two take turns, so that what else the machine does
meets both; the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
from typing import Any

from tests.support import salthost
from tests.support.local import PUSHER, LocalFederation

from benchmarks import measure

TIMES = 15
LIMIT = 1.15


def main() -> dict[str, Any]:
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
