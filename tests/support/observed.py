"""A pusher's state with an observation, as the observer leaves it, and Salt's configuration of it.

No Salt runs: the lock that shows a running controller is held by this process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from saltext_mip.federation import STATE_ROOT
from saltext_mip.results import StatusResult
from saltext_mip.storage import lock
from saltext_mip.storage.state import CONTROLLER_LOCK, DECLARED, write_state
from saltext_mip.watch import observation

EVERY = 60.0


@contextmanager
def observed(
    folder: Path, status: StatusResult, *, ago: float = 23.0, controlled: bool = True
) -> Iterator[tuple[Path, Path]]:
    """Salt's configuration folder, and the state of the status' federation."""
    config = folder / "salt"
    config.mkdir(parents=True, exist_ok=True)
    (config / "master").write_text(f"root_dir: {json.dumps(str(folder / 'root'))}\n")
    state = folder / "root" / STATE_ROOT / status.federation
    write_state(state / DECLARED, {"ids": [], "names": []})
    os.utime(state / DECLARED, (0, 0))  # the controller recorded it long ago
    observe(state, status, ago=ago)
    held = lock.hold(state / CONTROLLER_LOCK) if controlled else None
    try:
        yield config, state
    finally:
        if held is not None:
            lock.release(held)


def observe(state: Path, status: StatusResult, *, ago: float, seconds: float = 2.0) -> None:
    """Write an observation that began so many seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    observation.record(state, status, at=at, seconds=seconds, every=EVERY)
