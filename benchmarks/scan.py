"""The look at a CSV file, beside Python's ``csv`` looking at one column, and reading bytes alone.

Each in a process of its own that tells how long it took, numpy's import included, in turn, the
median of three, on files that are in the page cache: the look is bound by the processor, not by the
disk. Files of 170 and of 7 columns, plain, and with every field quoted as R writes them. At last
the peak of memory for a large file (``MIP_BENCH_GB=2``), and 2,000 files of 500 columns.
"""

from __future__ import annotations

import csv
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import measure
from saltext_mip.data.csvfile import reader
from saltext_mip.data.inventory import collect as inventory

MEGABYTES, ROUNDS = 256, 3
GIGABYTES = float(os.environ.get("MIP_BENCH_GB", "2").split(",")[-1])
WAYS = ("bytes", "look", "csv")
# columns, the place of 'dataset', quoting
KINDS = {
    "170 columns": (170, 85, csv.QUOTE_MINIMAL),
    "7 columns": (7, 6, csv.QUOTE_MINIMAL),
    "170 columns, quoted": (170, 85, csv.QUOTE_ALL),
    "7 columns, quoted": (7, 6, csv.QUOTE_ALL),
}


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mip-bench-") as folder:
        path = Path(folder) / "large.csv"
        speeds = {kind: speed(kind, path) for kind in KINDS}
        return {"MB/s": speeds, "memory": memory(path), "many": many(Path(folder) / "many")}


def speed(kind: str, path: Path) -> dict[str, float]:
    size = write(path, MEGABYTES << 20, *KINDS[kind])
    argv = {way: [sys.executable, "-m", "benchmarks.scan", way, str(path)] for way in WAYS}
    runs: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            runs[way].append(took(argv[way]))
    found = {way: size / sorted(times)[ROUNDS // 2] / 1e6 for way, times in runs.items()}
    ratio = found["look"] / found["csv"]
    shown = "   ".join(f"{way} {found[way]:5.0f}" for way in WAYS)
    print(f"{kind:<20} {shown} MB/s   {ratio:.1f} times csv", flush=True)
    return {**{way: round(value) for way, value in found.items()}, "times csv": round(ratio, 1)}


def took(argv: list[str]) -> float:
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def memory(path: Path) -> dict[str, float]:
    size = write(path, int(GIGABYTES * (1 << 30)), *KINDS["170 columns"])
    cost = measure.command([sys.executable, "-m", "benchmarks.scan", "look", str(path)], os.environ)
    print(f"{'a file of':<20} {size / 1e9:.1f} GB: {cost.shown()}", flush=True)
    return {"gigabytes": round(size / 1e9, 2), **cost.wire()}


def many(root: Path) -> dict[str, float]:
    folder = root / "data" / "pathology"
    folder.mkdir(parents=True)
    for number in range(2_000):
        write(folder / f"{number:04}.csv", 1, 500, 0, csv.QUOTE_MINIMAL, rows=20)
    found = {}
    for state in ("new", "unchanged"):
        time.sleep(0.1)  # longer than a file counts as just written
        began = time.monotonic()
        inventory.collect(root / "data", root / "state", federation="fed", node="node", deep=False)
        found[state] = round(time.monotonic() - began, 3)
    print(f"{'2,000 files':<20} {found['new']:.2f} s new, {found['unchanged']:.2f} s unchanged")
    return found


def write(path: Path, size: int, columns: int, at: int, quoting: Any, *, rows: int = 2_000) -> int:
    """A file of at least ``size`` bytes: the same rows of three datasets again and again."""
    numbers = random.Random(1)
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator="\n")
    names = [f"variable_{number}" for number in range(columns)]
    writer.writerow([*names[:at], "dataset", *names[at + 1 :]])
    header = text.tell()
    pool = [f"{numbers.random() * 100:.5f}"[:7] for _ in range(1_000)] + [""] * 100
    for row in range(rows):
        values: list[Any] = numbers.choices(pool, k=columns)
        values[at] = f"dataset-{row * 3 // rows}"
        writer.writerow(values)
    content = text.getvalue().encode()
    with path.open("wb") as out:
        out.write(content)
        while out.tell() < size:
            out.write(content[header:])
    return path.stat().st_size


def look(path: Path) -> None:
    table = reader.read(path)
    assert table.sound
    assert len(table.datasets) == 3


def read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(reader.BLOCK):
            pass


def one_column(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        at = next(rows).index("dataset")
        counts: dict[str, int] = {}
        for row in rows:
            counts[row[at]] = counts.get(row[at], 0) + 1
    assert len(counts) == 3


if __name__ == "__main__":
    began = time.monotonic()
    {"bytes": read, "look": look, "csv": one_column}[sys.argv[1]](Path(sys.argv[2]))
    print(time.monotonic() - began)
