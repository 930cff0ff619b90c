"""The real data on a local federation's nodes, spread as hospitals would have it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.local import LocalFederation

CDE = "CDEsMetadata.json"
SUBSET: Mapping[str, Sequence[str]] = {"dementia": ("edsd.csv", "ppmi.csv")}
"""What ``golden/subset`` was made of; ``golden/all`` of every file."""


def spread(
    fed: LocalFederation, shared: Path, files: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[str]]:
    """CDEs to the master, files to the workers in turn; returns who has what (``path/file``)."""
    master = fed.data_path(f"{fed.federation}-ms")
    workers = fed.workers()
    placed: dict[str, list[str]] = {worker: [] for worker in workers}
    data = shared / "data"
    turn = 0
    for pathology in sorted(files or [path.name for path in data.iterdir()]):
        copy(data / pathology / CDE, master / pathology)
        every = sorted(path.name for path in (data / pathology).glob("*.csv"))
        for name in files[pathology] if files else every:
            worker = workers[turn % len(workers)]
            turn += 1
            copy(data / pathology / name, fed.data_path(worker) / pathology)
            placed[worker].append(f"{pathology}/{name}")
    return placed


def copy(file: Path, folder: Path) -> None:
    """As a hospital's data manager does: content, not the mode (the source may be read-only)."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / file.name)
