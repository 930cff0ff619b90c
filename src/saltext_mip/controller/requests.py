"""Requests to the controller: empty files of fixed names in the federation's state.

Any number of requests of a kind, from any number of processes, is one file until the controller
takes it; one that comes after that is one file again. So nothing is lost, nothing piles up, and to
ask costs microseconds. Whether a word from the bus is for a federation is told by what the
controller has written down as declared (:func:`addressed`): no other name makes a file anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from saltext_mip.federation import Federation
from saltext_mip.storage import paths
from saltext_mip.storage import state as files_state_state

FOLDER = "requests"
LOOK = "look"  # something may have changed
PROMPT = "prompt"  # the same, and a person says so
REFRESH = "refresh"  # a person wants it, whatever stands against it but the guard
ROLES = "roles"  # the data structure is new
OWED = "owed"  # somebody began a refresh, and has not got through with it
DECLARED = "declared.json"

NAMES = (LOOK, PROMPT, REFRESH, ROLES, OWED)


@dataclass(frozen=True)
class Declared:
    """What the controller goes by: who is in the federation, its clocks in seconds, and whether
    there are roles to be kept in step."""

    ids: frozenset[str]
    settle: float
    resync: float
    roles: bool = False

    @classmethod
    def of(cls, federation: Federation) -> Declared:
        reactor = federation.settings["reactor"]
        return cls(
            frozenset(federation.ids),
            float(reactor["settle"]),
            float(reactor["resync"]),
            "keycloak" in federation.settings,
        )

    @classmethod
    def load(cls, state: Path) -> Declared | None:
        """What was written down; ``None`` where nothing usable was."""
        with suppress(files_state_state.StateBroken, KeyError, TypeError, ValueError):
            value = files_state_state.read_state(state / DECLARED)
            return cls(
                frozenset(value["ids"]),
                float(value["settle"]),
                float(value["resync"]),
                bool(value["roles"]),
            )
        return None

    def save(self, state: Path) -> None:
        """Write it down for those who leave requests; nothing where it stands there already."""
        value = {**asdict(self), "ids": sorted(self.ids)}
        files_state_state.write_state(state / DECLARED, value)


class Requests:
    """The requests of the federation whose state is in the folder ``state``."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def leave(self, name: str) -> bool:
        """Ask; False where the same was asked already and not taken yet."""
        path = self._folder / name
        try:
            return _touch(path)
        except FileNotFoundError:
            paths.private_folder(self._folder)
            return _touch(path)

    def there(self) -> frozenset[str]:
        """What was asked and not taken yet."""
        try:
            return frozenset(path.name for path in self._folder.iterdir()) & frozenset(NAMES)
        except FileNotFoundError:
            return frozenset()

    def take(self, names: Iterable[str]) -> None:
        """They are seen to from here on; what is asked after this is asked anew."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


def addressed(tag: str, root: Path) -> Iterator[tuple[Path, str]]:
    """For whom an event of that ``tag`` is, and what it asks for: ``(state, request)``.

    ``root`` is the folder of all federations' states. The tag proves nothing, not even who sent it.
    """
    node: str | None = None
    name: str | None = None
    asked = LOOK
    match tag.split("/"):
        case ["salt", "beacon", node, "mip_data" | "mip_services", name]:
            pass
        case ["salt", "minion", node, "start"]:
            pass
        case ["mip", name, "consolidated"]:
            asked = ROLES
        case _:
            return
    for known in _states(root):
        if name is not None and name != known:
            continue
        declared = Declared.load(root / known)
        if declared is None or (asked == ROLES and not declared.roles):
            continue
        if node is None or node in declared.ids:
            yield root / known, asked


def _touch(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    return True


def _states(root: Path) -> list[str]:
    try:
        return sorted(path.name for path in root.iterdir())
    except FileNotFoundError:
        return []
