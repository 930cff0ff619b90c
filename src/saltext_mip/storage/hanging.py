"""Work on a disk that may not respond: the caller goes on without it.

A call on such a disk cannot be ended by its caller. So the work is done by a thread, which notes
each step. It hangs when no step came for :data:`PATIENCE` seconds in which the thread was seen
waiting for the kernel all the time. A slow machine (the thread waits for a processor) or a large
folder (steps come) is no evidence, nor is a process that was stopped for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Step = Callable[[], None]

PATIENCE = 20.0  # seconds: servers that restart, or move to another machine, take some
_SAMPLE = 0.25
_WAITING = frozenset({"D", "S"})


class Attempt(Generic[T]):
    """``work(step)``, begun in a thread of its own."""

    def __init__(self, work: Callable[[Step], T]) -> None:
        self._work = work
        self._steps = 0
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BaseException | None = None
        # a daemon: one that hangs does not keep its process from ending
        self._thread = threading.Thread(target=self._run, name="mip-disk", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def finishes(self, patience: float = PATIENCE) -> bool:
        """Wait for the end of the work; ``False`` as soon as it is known to hang."""
        silent, steps = 0.0, -1
        while not self._done.wait(min(_SAMPLE, patience)):
            if self._steps != steps or not self._waits():
                silent, steps = 0.0, self._steps
                continue
            silent += min(_SAMPLE, patience)
            if silent >= patience:
                return False
        return True

    def result(self) -> T:
        """What the work returned, or its error, once it is ``done``."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # a work may return None

    def _run(self) -> None:
        try:
            self._value = self._work(self._step)
        except BaseException as error:  # noqa: BLE001 - result() raises it
            self._error = error
        finally:
            self._done.set()

    def _step(self) -> None:
        self._steps += 1

    def _waits(self) -> bool:
        """Whether the thread waits for the kernel now, by Linux' own account."""
        stat = Path(f"/proc/self/task/{self._thread.native_id}/stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[0] in _WAITING
