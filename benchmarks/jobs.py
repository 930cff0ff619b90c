"""What a job costs a minion in processor time, and a consolidation beside an empty salt-run.

All figures are ratios of medians taken in one run, and what is compared takes turns, so that what
else the machine does meets both:

- processor time of one job of ``federation_node`` beside ``test.ping``, of the minion that runs it;
- a consolidation of 8 and of 16 workers beside an empty ``salt-run``, by wall time, and these two
  multiples beside one another;
- the first consolidation after a start beside a later one.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support import generator
from tests.support.local import LocalFederation
from tests.support.supervisor import below

from benchmarks import measure
from saltext_mip.federation import Federation

TIMES = 15
JOBS = 10  # of each kind between two looks at the processor time: Linux counts in ticks of 10 ms
STARTS = 3
WORKERS = (8, 16)
LIMIT = " (at most 3)"
BEACON = {"beacons": {"mip_data": [{"interval": 5}]}}  # as the states set it
CHANGED, UNCHANGED = '"changed": true', '"changed": false'


def main() -> dict[str, Any]:
    result: dict[str, Any] = {"jobs": jobs()}
    result |= {str(count): consolidations(count) for count in WORKERS}
    few, many = (result[str(count)]["ratios"]["later"] for count in WORKERS)
    result["16 beside 8"] = round(many / few, 2)
    print(f"16 workers beside 8     {result['16 beside 8']:.2f} wall (at most 1.5)")
    return result


# -- one job


def jobs() -> dict[str, Any]:
    """Processor seconds of one job, by function, and its ratio to ``test.ping``."""
    with LocalFederation(workers=1, minion=BEACON) as fed:
        fill(fed)
        fed.run("mip.consolidate", f"federation={fed.federation}", check=True)
        node = fed.workers()[0]
        digest = Federation.from_pillar(fed.federation, fed.pillar(), check=False).digest
        kinds: dict[str, Callable[[], Any]] = {"test.ping": lambda: fed.ask([node], "test.ping")}
        for name in ("running", "inventory", "databases", "status"):
            kinds[f"federation_node.{name}"] = asking(fed, node, name, digest)
        for ask in kinds.values():
            ask()
        minion = Minion(fed, node)
        costs: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(TIMES):
            for name, ask in kinds.items():
                before = minion.jobs_cpu()
                for _ in range(JOBS):
                    ask()
                costs[name].append((minion.jobs_cpu() - before) / JOBS)
    ping = statistics.median(costs["test.ping"])
    found = {}
    for name, each in costs.items():
        cpu = statistics.median(each)
        found[name] = {"cpu": round(cpu, 4), "ratio": round(cpu / ping, 2)}
        print(f"{name:24} {1000 * cpu:6.1f} ms CPU  {cpu / ping:5.2f} x test.ping", flush=True)
    return found


def asking(fed: LocalFederation, node: str, name: str, digest: str) -> Callable[[], Any]:
    more: Mapping[str, Any] = {"jids": ["20200101000000000000"]} if name == "running" else {}

    def ask() -> None:
        function = f"federation_node.{name}"
        answer = fed.ask([node], function, fed.federation, digest, nonce="0" * 64, **more)
        if "signature" not in answer[node]:
            raise SystemExit(f"{function}: {answer}")

    return ask


class Minion:
    """A minion's processes, by the processor time of the jobs that ended.

    A job is a child of the minion's inner process that leaves it: the supervisor adopts it.
    """

    def __init__(self, fed: LocalFederation, node: str) -> None:
        self._supervisor = fed.supervisor(node)
        self._processes = self._settled()

    def jobs_cpu(self) -> float:
        """Seconds of all that ended below it, once all jobs have."""
        self._settled()
        ticks = 0
        for process in self._processes:
            stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[13]) + int(stat[14])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _settled(self) -> list[int]:
        """Its processes, once there are the same for a while: a job's ends after its answer."""
        before: list[int] = []
        while before != (before := [self._supervisor, *below(self._supervisor)]):
            time.sleep(0.3)
        return before


# -- a consolidation


def consolidations(count: int) -> dict[str, Any]:
    """Of so many workers, nothing changed: the first after a start, later ones, an empty salt-run.

    Medians, wall and processor seconds of the command; the ratios are of wall time.
    """
    with LocalFederation(workers=count, minion=BEACON) as fed:
        fill(fed)
        consolidate = fed.salt_run_command("mip.consolidate", f"federation={fed.federation}")
        commands = {"empty salt-run": fed.salt_run_command("test.arg"), "later": consolidate}
        measure.command(consolidate, fed.env(), CHANGED)
        costs: dict[str, list[measure.Cost]] = {"first": [], **{name: [] for name in commands}}
        for _ in range(STARTS):
            fed.stop()
            fed.start_all()
            costs["first"].append(measure.command(consolidate, fed.env(), UNCHANGED))
            for _ in range(TIMES // STARTS):
                for name, argv in commands.items():
                    costs[name].append(measure.command(argv, fed.env()))
    found: dict[str, Any] = {}
    print(f"{count} workers", flush=True)
    for name, each in costs.items():
        found[name] = {
            "wall": round(statistics.median(cost.wall for cost in each), 3),
            "cpu": round(statistics.median(cost.cpu for cost in each), 3),
        }
        print(f"  {name:22} {found[name]['wall']:5.2f} s wall  {found[name]['cpu']:5.2f} s CPU")
    empty, first, later = (found[name]["wall"] for name in ("empty salt-run", "first", "later"))
    found["ratios"] = {"later": round(later / empty, 2), "first": round(first / later, 2)}
    print(f"  beside an empty one    {later / empty:5.2f}{LIMIT if count == WORKERS[0] else ''}")
    print(f"  first beside a later   {first / later:5.2f} (at most 2)", flush=True)
    return found


def fill(fed: LocalFederation) -> None:
    generator.write(fed.data_path(f"{fed.federation}-ms"), generator.node_of_master())
    for number, worker in enumerate(fed.workers(), 1):
        generator.write(fed.data_path(worker), generator.hospital(number + 2, rows=1_000))
