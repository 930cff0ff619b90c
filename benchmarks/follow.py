"""From the last byte copied to a dataset that is served, step by step; and what idling costs.

On a bed of three workers, with ``settle`` at 1 s. Nobody types a command: a file is copied, and
each step is taken from what it leaves on disk, the last from port 9090 of the master. Then each
engine is started again alone, to see what of it is the engines' own time.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.federation.deployed import MASTER
from tests.federation.followed import DATA, STATE, Followed
from tests.support.bed import Bed, Layout, pillar
from tests.support.bed.layout import FEDERATION, PUSHER
from tests.support.bed.wait import until
from tests.unit.pusher.conftest import rows

from saltext_mip.federation import Federation
from saltext_mip.node import reminders, watch_data, watch_services
from saltext_mip.node.context import NodeContext

ROOT = Layout(Path("/var/lib/mip-bed-follow"))
SETTLE = 1
TIMES = 5
WITHIN = 15.0  # seconds beyond settle and the engine's own start that it may take
FILES = (0, 100, 1_000, 10_000)
INTERVAL = 5.0  # seconds between two looks of mip_data, with the pillar's default of settle
IDLE = 30.0  # seconds for which idling is watched
OF_A_CORE = 0.5  # percent that idling with 1,000 files may cost


def main() -> dict[str, Any]:
    idle = {f"mip_data, {count} files": data_beacon(count) for count in FILES}
    bed = Bed.up(workers=3, settle=SETTLE, layout=ROOT)
    try:
        fed = Followed(bed)
        fed.begin()
        steps = [follow(fed, nth) for nth in range(TIMES)]
        fed.well("suspend", "reason=a benchmark")
        alone = {
            "a worker's engine": again(fed, f"{fed.workers[0]}_exareme"),
            "the master's engine": again(fed, f"{MASTER}_exareme-master"),
        }
        idle["mip_services"] = services_beacon(bed)
        idle["controller"] = engine(bed)
    finally:
        bed.down()
    middle = {step: round(statistics.median(s[step] for s in steps), 2) for step in steps[0]}
    _print(middle, [one["served"] for one in steps], alone, idle)
    return {
        "steps": steps,
        "median": middle,
        "restarts alone": alone,
        "idle CPU seconds an hour": idle,
    }


def _print(
    middle: dict[str, float],
    served: list[float],
    alone: dict[str, dict[str, float]],
    idle: dict[str, float],
) -> None:
    print("seconds from the last byte, the median of", TIMES)
    before = 0.0
    for step, seconds in middle.items():
        print(f"  {step:34} {seconds:6.2f}  (+{seconds - before:.2f})")
        before = seconds
    print("  served in each:", ", ".join(f"{one:.1f}" for one in served))
    own = alone["a worker's engine"]["all is served"]
    beyond = middle["served"] - SETTLE - own
    said = "within" if beyond <= WITHIN else "NOT within"
    print(f"  {beyond:.1f} s beyond settle and the engine's own {own:.1f} s: {said} {WITHIN:.0f} s")
    print("seconds after an engine alone is started again, the median of 3")
    for what, took in alone.items():
        print(f"  {what:34} " + ", ".join(f"{key} {value:.1f}" for key, value in took.items()))
    print("idle, CPU seconds an hour")
    for what, cost in idle.items():
        print(f"  {what:34} {cost:6.2f}  ({cost / 36:.3f} % of a core)")
    total = (idle["mip_data, 1000 files"] + idle["mip_services"] + idle["controller"]) / 36
    said = "within" if total <= OF_A_CORE else "NOT within"
    print(f"  all of them, with 1,000 files: {total:.3f} %, {said} {OF_A_CORE} % of a core")


# ---- the steps ------------------------------------------------------------------------


def follow(fed: Followed, nth: int) -> dict[str, float]:
    """One file is copied; when each step was through."""
    node, name = fed.workers[nth % len(fed.workers)], f"timed{nth}"
    expected = fed.served()
    expected["dementia"] = {**expected["dementia"], name: [node]}
    folder, state = fed.bed.path(node, f"{DATA}/dementia"), fed.bed.path(PUSHER, STATE)
    path = fed.bed.write(node, f"{DATA}/dementia/{name}.csv", rows(name, 500).encode())
    copied = path.stat().st_mtime
    asked = _first(lambda: not fed.is_quiet())
    begun = _first(lambda: fed.state("controller.json")["running"] == "refresh")
    served = _first(lambda: fed.served() == expected)
    fed.quiet()
    moments = {
        "settled, and said so": asked,
        "refresh begun": begun,
        "consolidated": _written(max((state / "generations").iterdir())),
        "compiled": max(
            _written(folder / "datasets.db"),
            _written(fed.bed.path(MASTER, f"{DATA}/dementia/datasets.db")),
        ),
        "restarted": _written(state / "served.json"),
        "served": served,
        "proven": _written(state / "refreshed.json"),
    }
    return {step: round(moment - copied, 2) for step, moment in moments.items()}


def _written(path: Path) -> float:
    return path.stat().st_mtime


def _first(seen: Callable[[], bool]) -> float:
    """When it is so first."""
    until(seen, seconds=120, every=0.02, what="the next step")
    return time.time()


# ---- what restarts cost ---------------------------------------------------------------


def again(fed: Followed, service: str) -> dict[str, float]:
    """Seconds until its successor is there, runs, and until 9090 serves all again, for good."""
    expected = fed.served()
    took: list[dict[str, float]] = []
    for _ in range(3):
        fed.steady()
        old, began = fed.tasks()[service], time.time()
        fed.docker("service", "update", "--detach", "--force", service)
        runs = _first(lambda old=old: fed.running().get(service, old) != old)
        served = max(runs, _all_served(fed, expected))
        moments = {"its successor runs": runs, "all is served": served}
        took.append({what: moment - began for what, moment in moments.items()})
    return {what: round(statistics.median(one[what] for one in took), 2) for what in took[0]}


def _all_served(fed: Followed, expected: Any) -> float:
    """When all was served, after which it stayed so for as long as engines need to go."""
    while True:
        since = _first(lambda: fed.served() == expected)
        while fed.served() == expected:
            if time.time() - since > 10:
                return since
            time.sleep(0.2)


# ---- what idling costs ----------------------------------------------------------------


def data_beacon(count: int) -> float:
    """CPU seconds an hour for the beacon's looks at so many files."""
    with tempfile.TemporaryDirectory() as folder:
        data, state = Path(folder) / "data", Path(folder) / "state"
        data.mkdir()
        for nth in range(count):
            path = data / f"p{nth % 10}" / f"{nth}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("dataset\n")
        watch_data.acknowledge(state, watch_data.scan(data, state))
        clocks = reminders.Timers(30, 900, INTERVAL)
        look = _spent(
            lambda: watch_data.report_due(state, watch_data.scan(data, state), clocks, time.time())
        )
    # the beacon skips looks, where they would take more than a fifth of a percent
    return round(look * 3600 / max(INTERVAL, look / 0.002), 2)


def services_beacon(bed: Bed) -> float:
    """CPU seconds an hour for the looks of ``mip_services`` at the bed's Docker."""
    federation = Federation.from_pillar(FEDERATION, pillar.declaration(bed.specs))
    here = NodeContext(federation, federation.master, bed.path(MASTER, "/var/lib/mip") / FEDERATION)
    os.environ["DOCKER_HOST"] = f"unix://{ROOT.docker_socket(MASTER)}"
    try:
        assert watch_services.services_down(here) == ()
        look = _spent(lambda: watch_services.services_down(here))
        return round(look * 3600 / watch_data.beacon_intervals(here)["mip_services"], 2)
    finally:
        del os.environ["DOCKER_HOST"]


def _spent(look: Callable[[], object]) -> float:
    """CPU seconds of one."""
    spent = []
    for _ in range(10):
        began = time.thread_time()
        look()
        spent.append(time.thread_time() - began)
    return statistics.median(spent)


def engine(bed: Bed) -> float:
    """CPU seconds an hour of the controller's process."""
    pid = bed.run(PUSHER, "pgrep", "-o", "-f", "engines.mip").stdout.strip()
    began, since = _cpu(bed, pid), time.monotonic()
    time.sleep(IDLE)
    return round((_cpu(bed, pid) - began) * 3600 / (time.monotonic() - since), 2)


def _cpu(bed: Bed, pid: str) -> float:
    fields = bed.run(PUSHER, "cat", f"/proc/{pid}/stat").stdout.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
