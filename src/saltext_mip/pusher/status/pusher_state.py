"""What the status reports of the pusher itself: its controller, its state folder, its Salt master.

They come before all nodes: where the pusher cannot store answers, every node seems to be missing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saltext_mip.conditions import Condition
from saltext_mip.controller.loop import is_controlled
from saltext_mip.pusher.context import Pusher

PROBE = b"x" * 4096  # a block: on a full disk an empty file can be made


class Recording:
    """What the status records for later ones; that it cannot is one of its conditions."""

    def __init__(self) -> None:
        self.error: OSError | None = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            # its traceback holds the folder open in which it failed, and a disk that is in use
            # cannot be unmounted
            self.error = self.error or exc.with_traceback(None)


def pusher_conditions(pusher: Pusher, recording: Recording) -> Iterator[Condition]:
    """``StateWritable``, ``MasterConfigured``, and ``ControllerRunning`` where it is configured."""
    with recording.attempt():
        probe(pusher.state)
    if recording.error is not None:
        where = recording.error.filename or pusher.state
        message = f"{pusher.state}: {recording.error.strerror} ({where})"
        yield Condition("StateWritable", "False", "StateNotWritable", message)
    else:
        yield Condition("StateWritable", "True", "Writable", str(pusher.state))
    if problems := pusher.master_problems:
        message = "; ".join(f"{each.message}. To do: {each.fix}" for each in problems)
        yield Condition("MasterConfigured", "False", "MasterSettings", message)
    else:
        yield Condition("MasterConfigured", "True", "AsNeeded", "its settings are as needed")
    if pusher.has_controller:
        if is_controlled(pusher.state):
            yield Condition("ControllerRunning", "True", "Running", "the controller runs")
        else:
            yield Condition(
                "ControllerRunning",
                "False",
                "ControllerDown",
                "no controller runs for this federation: changes of data are not noticed",
            )


def probe(state: Path) -> None:
    """Write to the state's disk; an ``OSError`` where that is not possible."""
    folder = next(path for path in (state, *state.parents) if path.exists())
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        file.write(PROBE)
