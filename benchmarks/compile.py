"""Compile beside the SQLite shell's ``.import`` and Python's ``csv`` with ``executemany``.

All three fill the same table with its CHECKs from the same file of 100,000 rows and 169 columns
(some 100 MB), each in a process of its own, in turn; only the first verifies values. Then: one file
of twenty changed, nothing changed in a folder of 1,000 files, and the peak of memory for large
files (``MIP_BENCH_GB=2,4``).
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import measure
from saltext_mip.data.cde import model as cde
from saltext_mip.data.database import compiler
from saltext_mip.data.database import sqlite as database

ROWS, ROUNDS, PARTS, MANY = 100_000, 5, 20, 1_000
CDE, DATABASE = "CDEsMetadata.json", "datasets.db"
GIGABYTES = os.environ.get("MIP_BENCH_GB", "1,2")


def main() -> dict[str, Any]:
    with scratch() as folder:
        return {
            "full": full(folder / "full"),
            "one of twenty": one_of_twenty(folder / "twenty"),
            "nothing changed": nothing_changed(folder / "many"),
            "memory": memory(folder / "large"),
        }


def full(root: Path) -> dict[str, Any]:
    folder = pathology(root)
    source = folder / "a.csv"
    rows(source, ROWS)
    size = source.stat().st_size
    contestants = {
        "compile": [sys.executable, "-m", "benchmarks.compile", "compile", str(folder)],
        "csv + executemany": [sys.executable, "-m", "benchmarks.compile", "csv", str(folder)],
    }
    if shell := shutil.which("sqlite3"):
        copy = f".import --csv --skip 1 {source} DATA"
        contestants[".import"] = [shell, str(root / "import.db"), copy]
    else:
        print("no sqlite3 shell here: no .import to compare with")
    runs: dict[str, list[measure.Cost]] = {name: [] for name in contestants}
    inside: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, argv in contestants.items():
            empty(folder, root / "import.db")
            cost = measure.command(argv, os.environ)
            runs[name].append(cost)
            told = root / "seconds"
            inside[name].append(float(told.read_text()) if told.exists() else cost.wall)
            told.unlink(missing_ok=True)
    print(f"full: {size / 1e6:.0f} MB, {ROWS} rows of {len(names())}; medians of {ROUNDS}")
    found: dict[str, Any] = {"bytes": size, "rows": ROWS}
    for name, costs in runs.items():
        cost = sorted(costs, key=lambda cost: cost.wall)[ROUNDS // 2]
        speed = f"{ROWS / cost.wall:9,.0f} rows/s  {size / 1e6 / cost.wall:5.0f} MB/s"
        print(f"  {name:20} {cost.shown()}  {speed}", flush=True)
        found[name] = cost.wire()
    for name in [name for name in runs if name != "compile"]:
        whole = ratio([cost.wall for cost in runs["compile"]], [cost.wall for cost in runs[name]])
        own = ratio(inside["compile"], inside[name])
        print(f"  compile takes {own:.2f} times what {name} takes, {whole:.2f} with Python's start")
        found[f"ratio to {name}"] = {"own": round(own, 3), "with start": round(whole, 3)}
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the pairs, which ran one after the other."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def one_of_twenty(root: Path) -> dict[str, Any]:
    folder = pathology(root)
    for part in range(PARTS):
        rows(folder / f"{part:02}.csv", ROWS // PARTS, seed=part)
    whole, one = [], []
    for turn in range(ROUNDS):
        whole.append(compiled(folder, root, force=True))
        rows(folder / f"{turn:02}.csv", ROWS // PARTS, seed=PARTS + turn)
        one.append(compiled(folder, root))
    share = ratio(one, whole)
    found = {"full": statistics.median(whole), "one": statistics.median(one), "share": share}
    print(f"one file of {PARTS}: {found['one']:.2f} s of {found['full']:.2f} s: {share:.0%}")
    return {name: round(value, 3) for name, value in found.items()}


def nothing_changed(root: Path) -> dict[str, Any]:
    folder = pathology(root)
    for number in range(MANY):
        rows(folder / f"{number:04}.csv", 1, seed=number)
    compiled(folder, root)
    seconds = statistics.median(compiled(folder, root) for _ in range(ROUNDS))
    print(f"nothing changed in {MANY} files: {seconds * 1000:.0f} ms")
    return {"files": MANY, "seconds": round(seconds, 4)}


def memory(root: Path) -> dict[str, Any]:
    found = {}
    for gigabytes in GIGABYTES.split(","):
        folder = pathology(root / gigabytes)
        large(folder / "a.csv", int(float(gigabytes) * 1e9))
        argv = [sys.executable, "-m", "benchmarks.compile", "compile", str(folder)]
        cost = measure.command(argv, os.environ)
        print(f"a file of {gigabytes} GB: {cost.shown()}", flush=True)
        found[gigabytes] = cost.wire()
        shutil.rmtree(folder)
    return found


# -- what is compiled


def names() -> dict[str, str]:
    """Columns and their types: like an atlas of the brain with a few facts of the person."""
    kinds = {"dataset": "text", "subjectcode": "text"}
    kinds |= {f"category{number}": "text" for number in range(10)}
    kinds |= {f"score{number}": "int" for number in range(7)}
    return kinds | {f"volume{number}": "real" for number in range(150)}


def pathology(root: Path) -> Path:
    """A folder with a CDE."""
    variables: list[dict[str, Any]] = [
        {"code": code, "label": code, "sql_type": kind, "isCategorical": False}
        for code, kind in names().items()
    ]
    for variable in variables:
        if variable["code"].startswith("category"):
            entries = [{"code": code, "label": code} for code in ("M", "F", "U")]
            variable.update(isCategorical=True, enumerations=entries)
        if variable["code"].startswith("score"):
            variable.update(minValue=0, maxValue=200)
    folder = root / "dementia"
    folder.mkdir(parents=True)
    tree = {"code": "dementia", "label": "Dementia", "variables": variables}
    (folder / CDE).write_text(json.dumps(tree))
    return folder


def rows(path: Path, count: int, *, seed: int = 0) -> None:
    chance = random.Random(seed)
    volumes = [f"{chance.uniform(0, 10):.4f}" for _ in range(5000)]
    with path.open("w") as file:
        file.write(",".join(names()) + "\n")
        for number in range(count):
            scores = [str(chance.randrange(150)) for _ in range(7)]
            row = [f"d{number % 7}", f"s{number}", *chance.choices("MFU", k=10), *scores]
            file.write(",".join(row + chance.choices(volumes, k=150)) + "\n")


def large(path: Path, size: int) -> None:
    rows(path, 20_000)
    header, _, body = path.read_bytes().partition(b"\n")
    with path.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < size:
            file.write(body)


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mip-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def empty(folder: Path, other: Path) -> None:
    """Databases without rows, for those that fill one."""
    of = cde.parse((folder / CDE).read_bytes(), pathology=folder.name)
    for path in (folder / DATABASE, other):
        path.unlink(missing_ok=True)
        compiler.rowless(of, path)


def compiled(folder: Path, root: Path, *, force: bool = False) -> float:
    done = compiler.compile(folder, root / "state", force=force)
    if done.status == "failed":
        raise SystemExit(str(done.problems))
    return done.seconds


def fill(folder: Path) -> None:
    """What a program of a few lines does: no value is looked at but by the CHECKs."""
    with closing(sqlite3.connect(folder / DATABASE)) as db, (folder / "a.csv").open() as file, db:
        reader = csv.reader(file)
        header = next(reader)
        columns = ", ".join(database.quoted(name) for name in header)
        marks = ", ".join("?" * len(header))
        db.executemany(f"INSERT INTO DATA ({columns}) VALUES ({marks})", reader)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("compile" | "csv") as way, where]:
            folder = Path(where)
            began = time.monotonic()
            compiled(folder, folder.parent, force=True) if way == "compile" else fill(folder)
            (folder.parent / "seconds").write_text(str(time.monotonic() - began))
        case _:
            main()
