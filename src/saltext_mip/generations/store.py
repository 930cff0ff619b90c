"""The pusher's record of a federation: its generations, contents, overrides and event log.

``generations/000001.json``… exist as a whole or not at all, ``blobs/<sha256>`` hold what they
distributed, each content once. All of it is 0600 in folders of 0700. What of it is kept for how
long is decided in ``retention``.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from msgspec import DecodeError, Struct, json

from saltext_mip.errors import MipError, Refused
from saltext_mip.generations.event_log import EventLog
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.holds import HoldStore
from saltext_mip.generations.overrides import Overrides
from saltext_mip.storage import atomic, paths
from saltext_mip.storage import state as state_files
from saltext_mip.storage.lock import is_locked, lock
from saltext_mip.text import ranges

_NUMBER = re.compile(r"([0-9]{6,})\.json")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NoGeneration(Refused):
    """Generation {number} not found; known: {there}."""


class GenerationRemoved(NoGeneration):
    """Generation {number} was removed to limit disk use; kept: {there}."""


class BlobDamaged(MipError):
    """{path} is corrupt: its content cannot be restored."""


class RecordSummary(Struct, frozen=True):
    """A part of a generation's record."""

    cdes: dict[str, str]
    pathologies_json: str
    note: str | None = None
    other_cdes: dict[str, str] = {}

    @property
    def blobs(self) -> frozenset[str]:
        """As :attr:`Generation.blobs`."""
        cdes = (*self.cdes.values(), *self.other_cdes.values())
        return frozenset((*cdes, self.pathologies_json))


class Store(Overrides):
    """The record in the folder ``state``, which need not exist yet."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self._state = state
        self._generations = state / state_files.GENERATIONS
        self._blobs = state / state_files.BLOBS
        self.event_log = EventLog(state)
        self.holds = HoldStore(state)

    def lock(
        self,
        federation: str,
        holder: str,
        *,
        wait: float,
        waiting: Callable[[str], None] = lambda _: None,
        name: str = state_files.FEDERATION_LOCK,
    ) -> AbstractContextManager[None]:
        """The federation's lock: one command at a time changes it. ``Busy`` after ``wait`` s.

        ``waiting`` is called with the holder that it waits for. ``name`` is that of another lock.
        """
        path = self._state / name
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
            numbers = self.numbers()
            removed = 0 < number < max(numbers, default=0)
            error = GenerationRemoved if removed else NoGeneration
            raise error(number=number, there=ranges(numbers) or "none")
        try:
            return Generation.from_value(value)
        except ValueError as error:
            raise state_files.StateBroken(str(error), path=path) from None

    def history(self) -> tuple[Generation, ...]:
        """All generations, the oldest first; one that is removed meanwhile is left out."""
        found = []
        for number in self.numbers():
            with suppress(GenerationRemoved):
                found.append(self.load(number))
        return tuple(found)

    def record(self, generation: Generation) -> None:
        """Remember a generation whose blobs are kept; once it is there, it never changes."""
        path = self._path(generation.number)
        if path.exists():
            raise Refused(f"Generation {generation.number} is recorded already.")
        state_files.write_state(path, generation.value())

    def _path(self, number: int) -> Path:
        return self._generations / f"{number:06d}.json"

    def summary(self, number: int) -> RecordSummary:
        """What a generation keeps, by its record; the rest of that is not decoded."""
        try:
            return json.decode(self._path(number).read_bytes(), type=RecordSummary)
        except (DecodeError, FileNotFoundError):
            found = self.load(number)  # or its error
            other = dict(found.other_cdes)
            return RecordSummary(dict(found.cdes), found.pathologies_json, found.note, other)

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

    # -- disk use

    def record_sizes(self) -> dict[int, int]:
        """The size in bytes of each generation's record."""
        found = (
            (_NUMBER.fullmatch(name), size) for name, size in _files(self._generations).items()
        )
        return {int(match[1]): size for match, size in found if match}

    def blob_sizes(self) -> dict[str, int]:
        """The size in bytes of each content, by its SHA-256."""
        found = _files(self._blobs)
        return {name: size for name, size in found.items() if _SHA256.fullmatch(name)}

    def leftovers(self) -> dict[Path, int]:
        """Files of writers that died, with their sizes. One that is being written is not listed."""
        return {
            folder / name: size
            for folder in (self._generations, self._blobs)
            for name, size in _files(folder).items()
            if atomic.is_ours(name) and not is_locked(folder / name)
        }

    def used(self) -> int:
        """Bytes of all that."""
        sizes = (self.record_sizes(), self.blob_sizes(), self.leftovers())
        return sum(size for each in sizes for size in each.values())

    def remove(self, numbers: Iterable[int], blobs: Iterable[str]) -> None:
        """Remove generations, then contents, which no other may refer to; and leftovers.

        In this order: a crash in between leaves contents without a generation, and no generation
        without its contents.
        """
        _remove(self._generations, [self._path(number).name for number in sorted(numbers)])
        gone = sorted(blobs)
        _remove(self._blobs, gone)
        for path in self.leftovers():
            path.unlink(missing_ok=True)
        replaced = self.replaced()
        if replaced.keys() & set(gone):
            left = {sha256: number for sha256, number in replaced.items() if sha256 not in gone}
            state_files.write_state(self._state / state_files.REPLACED, left)

    def replaced(self) -> dict[str, int]:
        """Contents of the master's CDEs that were replaced: the generation that replaced each."""
        path = self._state / state_files.REPLACED
        value = state_files.read_state(path)
        try:
            return {} if value is None else state_files.decode_state(dict[str, int], value)
        except ValueError as error:
            raise state_files.StateBroken(str(error), path=path) from None

    def remember_replaced(self, blobs: Iterable[str], number: int) -> None:
        """Keep these contents for as long as the generation of that number."""
        before = self.replaced()
        after = {**before, **dict.fromkeys(blobs, number)}
        if after != before:
            state_files.write_state(self._state / state_files.REPLACED, after)


def _files(folder: Path) -> dict[str, int]:
    """The sizes of a folder's files by name."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed meanwhile
                    continue
                if stat.S_ISREG(facts.st_mode):
                    found[entry.name] = facts.st_size
    except FileNotFoundError:
        return {}
    return found


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
    if names:
        paths.sync_folder(folder)
