"""From the last byte copied to a federation that has followed, step by step; and what idling costs.

On Salt processes of this machine, with ``settle`` at 1 s and 3 workers; what engines take to start
again is measured on hosts of their own, by ``tests/federation/test_follow.py``.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.following import Following, until
from tests.support.local import PUSHER, LocalFederation
from tests.unit.pusher.conftest import cde, rows

from saltext_mip.node import watch

SETTLE = 1
TIMES = 5
FILES = (100, 1_000, 10_000)
INTERVAL = 5.0  # seconds between two looks of the beacon, with the pillar's default of settle
IDLE = 30.0  # seconds for which idling is watched
BEGINS = re.compile(r"^(\S+ \S+) .*mip: refresh of fed1 begins", re.MULTILINE)


def main() -> dict[str, Any]:
    idle = {f"{count} files": beacon(count) for count in FILES}
    declare = {"reactor": {"settle": SETTLE, "resync": 900}, "min_count": 0}
    with LocalFederation(workers=3, declare=declare) as fed:
        fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde().encode())
        for node in fed.workers():
            name = f"first-{node[-2:]}"
            fed.write_data(node, "dementia", f"{name}.csv", rows(name, 500).encode())
        following = Following(fed)
        following.install()
        following.settled(lambda: len(following.offered.get("dementia", [])) == len(fed.workers()))
        steps = [follow(following, nth) for nth in range(TIMES)]
        idle["engine"] = engine(following)
    middle = {step: round(statistics.median(s[step] for s in steps), 2) for step in steps[0]}
    print("seconds from the last byte, the median of", TIMES)
    for step, seconds in middle.items():
        print(f"  {step:28} {seconds:6.2f}")
    print("idle, CPU seconds an hour")
    for what, cost in idle.items():
        print(f"  {what:28} {cost:6.2f}  ({cost / 36:.3f} % of a core)")
    return {"steps": steps, "median": middle, "idle CPU seconds an hour": idle}


def follow(following: Following, nth: int) -> dict[str, float]:
    """One file is copied; when each step was through."""
    fed = following.fed
    node, name = fed.workers()[nth % 3], f"new{nth}"
    path = fed.write_data(node, "dementia", f"{name}.csv", rows(name, 500).encode())
    copied = path.stat().st_mtime
    following.settled(lambda: name in following.offered["dementia"])
    newest = max((fed.state() / "generations").iterdir())
    begun = [
        datetime.strptime(found, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
        for found in BEGINS.findall(fed.hosts[PUSHER].log.read_text())
    ]
    return {
        "controller begins": next(when for when in begun if when > copied) - copied,
        "generation committed": newest.stat().st_mtime - copied,
        "database compiled": path.with_name("datasets.db").stat().st_mtime - copied,
        "refresh through": (fed.state() / "refreshed.json").stat().st_mtime - copied,
    }


def beacon(count: int) -> float:
    """CPU seconds an hour for the beacon's looks at so many files."""
    with tempfile.TemporaryDirectory() as folder:
        data, state = Path(folder) / "data", Path(folder) / "state"
        for nth in range(count):
            path = data / f"p{nth % 10}" / f"{nth}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("dataset\n")
        watch.note(state, watch.scan(data, state))
        clocks = watch.News(30, 900, INTERVAL)
        spent = []
        for _ in range(10):
            began = time.thread_time()
            watch.news(data, state, clocks, time.time())
            spent.append(time.thread_time() - began)
    # the beacon skips looks, where they would take more than a fifth of a percent
    look = statistics.median(spent)
    return round(look * 3600 / max(INTERVAL, look / 0.002), 2)


def engine(following: Following) -> float:
    """CPU seconds an hour of the controller's process."""
    until(following.idle)
    pid = next(
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if _is_engine(folder, str(following.fed.hosts[PUSHER].config))
    )
    began, since = _cpu(pid), time.monotonic()
    time.sleep(IDLE)
    return round((_cpu(pid) - began) * 3600 / (time.monotonic() - since), 2)


def _is_engine(folder: Path, config: str) -> bool:
    try:
        line = (folder / "cmdline").read_bytes()
    except OSError:
        return False
    return config.encode() in line and b"engines.mip" in line


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
