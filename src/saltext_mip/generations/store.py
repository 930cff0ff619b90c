"""The pusher's memory of a federation: its generations, and what a person said.

``generations/000001.json``… are there whole or not at all, ``blobs/<sha256>`` hold what they
distributed, each content once. Beside them ``disabled.json`` and ``suspended.json``: an operator's
word stands until the operator takes it back; and :mod:`.chronicle`, what happened lately. All of it
is 0600 in folders of 0700.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from saltext_mip.errors import MipError, Refused
from saltext_mip.generations.event_log import EventLog
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.overrides import Override
from saltext_mip.storage import atomic, paths
from saltext_mip.storage import state as state_files
from saltext_mip.storage.lock import lock

_NUMBER = re.compile(r"([0-9]{6,})\.json")


class NoGeneration(Refused):
    """There is no generation {number}; there are: {there}."""


class BlobDamaged(MipError):
    """{path} is not what was put there: what it held cannot be put back."""


class Store:
    """The memory in the folder ``state``, which need not be there yet."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._generations = state / state_files.GENERATIONS
        self._blobs = state / state_files.BLOBS
        self._disabled = state / state_files.DISABLED_NODES
        self._suspended = state / state_files.SUSPENDED
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

        ``waiting`` is told for whom it waits.
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

    # -- a person's word

    def labels(self) -> dict[str, str]:
        """The labels that a person gave to pathologies in a review."""
        last = self.last()
        return dict(last.labels) if last else {}

    def disabled(self) -> dict[str, Override]:
        """The nodes that are taken out of the federation's work, by minion id."""
        found = state_files.read_state(self._disabled) or {}
        return {node: Override.from_value(value) for node, value in found.items()}

    def disable(self, node: str, word: Override) -> bool:
        """Take a node out; False if it is out already, and then the first word stands."""
        found = self.disabled()
        if node in found:
            return False
        return self._write_words(self._disabled, {**found, node: word})

    def enable(self, node: str) -> bool:
        """Take a node in again; False if it is in."""
        found = self.disabled()
        if node not in found:
            return False
        return self._write_words(
            self._disabled, {name: word for name, word in found.items() if name != node}
        )

    def suspended(self) -> Override | None:
        """Why nothing is to be done without a person's command; ``until`` is for the caller."""
        found = state_files.read_state(self._suspended)
        return None if found is None else Override.from_value(found)

    def suspend(self, word: Override) -> bool:
        """False if the same was said before."""
        return state_files.write_state(self._suspended, asdict(word))

    def resume(self) -> bool:
        """False if nothing was suspended."""
        was = self.suspended() is not None
        state_files.remove_state(self._suspended)
        return was

    def _write_words(self, path: Path, words: Mapping[str, Override]) -> bool:
        return state_files.write_state(path, {name: asdict(word) for name, word in words.items()})
