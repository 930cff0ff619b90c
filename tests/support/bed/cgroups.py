"""Control groups of containers: they outlive the host that they were made in."""

from __future__ import annotations

import os
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")


def remove(group: str) -> None:
    """Removes `group` and all below it, in every hierarchy; its processes must have ended."""
    for top in {*MOUNT.glob(f"*/{group}"), *MOUNT.glob(group)}:
        for folder, _, _ in os.walk(top, topdown=False):
            Path(folder).rmdir()


def left(group: str) -> list[Path]:
    return [*MOUNT.glob(f"*/{group}"), *MOUNT.glob(group)]
