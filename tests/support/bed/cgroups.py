"""Control groups of containers: they outlive the host that they were made in."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")


def remove(group: str, seconds: float = 10) -> None:
    """Removes `group` and all below it, in every hierarchy.

    Its processes have been killed; the kernel takes some moments more to count them out.
    """
    deadline = time.monotonic() + seconds
    for top in left(group):
        for name, _, _ in os.walk(top, topdown=False):
            folder = Path(name)
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)


def left(group: str) -> list[Path]:
    """The folders of `group`, one a hierarchy."""
    return sorted({*MOUNT.glob(f"*/{group}"), *MOUNT.glob(group)})
