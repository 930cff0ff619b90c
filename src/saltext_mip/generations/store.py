"""The pusher's record of a federation: its generations, contents, overrides and event log.

``generations/000001.json``… exist as a whole or not at all, ``blobs/<sha256>`` hold what they
distributed, each content once. All of it is 0600 in folders of 0700.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from saltext_mip.errors import MipError, Refused
from saltext_mip.generations.event_log import EventLog
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.overrides import Overrides
from saltext_mip.storage import atomic, paths
from saltext_mip.storage import state as state_files
from saltext_mip.storage.lock import lock

_NUMBER = re.compile(r"([0-9]{6,})\.json")


class NoGeneration(Refused):
    """Generation {number} not found; known: {there}."""


class BlobDamaged(MipError):
    """{path} is corrupt: its content cannot be restored."""


class Store(Overrides):
    """The record in the folder ``state``, which need not exist yet."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self._state = state
        self._generations = state / state_files.GENERATIONS
        self._blobs = state / state_files.BLOBS
        self.event_log = EventLog(state)

    def lock(
        self,
        federation: str,
        holder: str,
        *,
        wait: float,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> AbstractContextManager[None]:
        """The federation's lock: one command at a time changes it. ``Busy`` after ``wait`` s.

        ``waiting`` is called with the holder that it waits for.
        """
        path = self._state / state_files.FEDERATION_LOCK
        return lock(path, federation=federation, holder=holder, wait=wait, waiting=waiting)

    # -- generations

    def numbers(self) -> tuple[int, ...]:
        """The numbers of all generations, growing."""
        if not self._generations.is_dir():
            return ()
        found = (_NUMBER.fullmatch(path.name) for path in self._generations.iterdir())
        return tuple(sorted(int(match[1]) for match in found if match))

    def next_number(self) -> int:
        return max(self.numbers(), default=0) + 1

    def last(self) -> Generation | None:
        """The last generation, None before the first."""
        numbers = self.numbers()
        return self.load(numbers[-1]) if numbers else None

    def load(self, number: int) -> Generation:
        """That generation; :class:`NoGeneration` where there is none."""
        path = self._path(number)
        value = state_files.read_state(path)
        if value is None:
            there = ", ".join(map(str, self.numbers())) or "none"
            raise NoGeneration(number=number, there=there)
        try:
            return Generation.from_value(value)
        except ValueError as error:
            raise state_files.StateBroken(str(error), path=path) from None

    def history(self) -> tuple[Generation, ...]:
        """All generations, the oldest first."""
        return tuple(self.load(number) for number in self.numbers())

    def record(self, generation: Generation) -> None:
        """Remember a generation whose blobs are kept; once it is there, it never changes."""
        path = self._path(generation.number)
        if path.exists():
            raise Refused(f"Generation {generation.number} is recorded already.")
        state_files.write_state(path, generation.value())

    def _path(self, number: int) -> Path:
        return self._generations / f"{number:06d}.json"

    # -- contents

    def keep(self, blobs: Mapping[str, bytes]) -> None:
        """Keep contents by their SHA-256."""
        for sha256, content in blobs.items():
            if hashlib.sha256(content).hexdigest() != sha256:
                raise ValueError(f"not the content of {sha256}")
            paths.private_folder(self._blobs)
            atomic.replace(self._blobs / sha256, content, mode=0o600)

    def blob(self, sha256: str) -> bytes:
        """The content of that SHA-256; :class:`BlobDamaged` if it is not, or no longer, there."""
        path = self._blobs / paths.check_name(sha256)
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BlobDamaged(path=path)
        return content

    def labels(self) -> dict[str, str]:
        """The labels that an operator gave to pathologies in a review."""
        last = self.last()
        return dict(last.labels) if last else {}
