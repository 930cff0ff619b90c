"""Takes a bed away, whoever left it, and says what is still there."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

from tests.support.bed import cgroups
from tests.support.bed.layout import Layout
from tests.support.bed.processes import kill_and_wait, marked_processes


def clean(layout: Layout) -> None:
    """Ends the bed's processes, and with them namespaces, mounts and cables; removes its files.

    Only a folder that a bed made is removed: one with a description in it, or an empty one.
    """
    while pids := marked_processes(layout.root):
        kill_and_wait(pids)
    cgroups.remove(layout.cgroup)
    if layout.description.exists():
        with ThreadPoolExecutor() as pool:  # mostly waiting for the disk
            list(pool.map(shutil.rmtree, layout.root.glob("hosts/*")))
        for folder in [*layout.root.glob("hosts"), *layout.root.glob("mnt")]:
            folder.rmdir()
        # last, so that an interrupted removal is known for what it is
        layout.description.unlink()
        layout.root.rmdir()
    elif layout.root.is_dir() and not any(layout.root.iterdir()):
        layout.root.rmdir()


def left(layout: Layout) -> list[str]:
    """What is left of a bed, each thing as a line; empty after `clean`."""
    found = [f"process {pid}" for pid in marked_processes(layout.root)]
    found += [f"control group {group}" for group in cgroups.left(layout.cgroup)]
    if layout.root.exists():
        found.append(f"folder {layout.root}")
    return found
