"""``mip.consolidate`` for 1, 4, 8 and 16 workers, beside an empty salt-run and a ping of all.

Each worker has all of the real data under dataset codes of its own, or synthetic data of about that
size where the real is absent (``MIP_SHARED`` names its folder). Three states: nothing known yet,
nothing changed since, one file changed.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import generator
from tests.support.local import LocalFederation

from benchmarks import measure

WORKERS = (1, 4, 8, 16)
CHANGED, UNCHANGED = '"changed": true', '"changed": false'
CDE = "CDEsMetadata.json"
SHARED = Path(os.environ.get("MIP_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def main() -> dict[str, Any]:
    real = (SHARED / "data").is_dir()
    print("real data" if real else f"synthetic data: {SHARED / 'data'} is not there", flush=True)
    return {"real": real, **{str(count): run(count, real=real) for count in WORKERS}}


def run(count: int, *, real: bool) -> dict[str, Any]:
    with LocalFederation(workers=count) as fed:
        put(fed, real=real)
        consolidate = fed.salt_run_command("mip.consolidate", "federation=fed1")
        ping = fed.command("salt", "pusher", "*", "test.ping")
        found = {
            "empty salt-run": measure.middle(fed.salt_run_command("test.arg"), fed.env()),
            "salt '*' test.ping": measure.middle(ping, fed.env()),
            "first": measure.command(consolidate, fed.env(), CHANGED),
            "unchanged": measure.middle(consolidate, fed.env(), UNCHANGED),
        }
        changed = []
        for _ in range(3):
            add_row(fed)
            changed.append(measure.command(consolidate, fed.env(), CHANGED))
        found["one file changed"] = sorted(changed, key=lambda cost: cost.wall)[1]
    print(f"{count} workers")
    for name, cost in found.items():
        print(f"  {name:20} {cost.shown()}", flush=True)
    return {name: cost.wire() for name, cost in found.items()}


def put(fed: LocalFederation, *, real: bool) -> None:
    cdes = real_cdes() if real else generator.node_of_master()
    generator.write(fed.data_path(f"{fed.federation}-ms"), cdes)
    for number, worker in enumerate(fed.workers(), 1):
        if real:
            for path in sorted((SHARED / "data").glob("*/*.csv")):
                fed.write_data(worker, path.parent.name, path.name, own_codes(path, number))
        else:
            generator.write(fed.data_path(worker), generator.hospital(number + 2, rows=10_000))


def real_cdes() -> dict[str, dict[str, bytes]]:
    folders = sorted((SHARED / "data").iterdir())
    return {folder.name: {CDE: (folder / CDE).read_bytes()} for folder in folders}


def own_codes(path: Path, number: int) -> bytes:
    """The file with the worker's number behind each dataset's code."""
    with path.open(encoding="utf-8-sig", newline="") as source:
        rows: Iterator[list[str]] = csv.reader(source)
        header = next(rows)
        column = header.index("dataset")
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            row[column] += f"-{number}"
            writer.writerow(row)
    return out.getvalue().encode()


def add_row(fed: LocalFederation) -> None:
    """The first file of the first worker gets its last row once more."""
    first = sorted(fed.data_path(fed.workers()[0]).glob("*/*.csv"))[0]
    last = first.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
    with first.open("ab") as out:
        out.write(last + b"\n")
