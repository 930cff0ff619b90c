"""Requests to the controller: empty files of fixed names in the federation's state.

Any number of requests of a kind, from any number of processes, is one file until the controller
takes it; a later one is one file again. So nothing is lost, nothing accumulates, and a request
costs microseconds. An event from the bus makes a request only if the controller's recorded
declaration has its federation and node (:func:`addressed`): no other name makes a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from saltext_mip.federation import Federation
from saltext_mip.storage import paths
from saltext_mip.storage import state as storage_state

LOOK = "look"  # something may have changed
PROMPT = "prompt"  # the same, requested by an operator
REFRESH = "refresh"  # requested by an operator; only the guard can hold it
ROLES = "roles"  # the data structure changed
OWED = "owed"  # a refresh was started and has not finished

NAMES = (LOOK, PROMPT, REFRESH, ROLES, OWED)


@dataclass(frozen=True)
class Declared:
    """What the controller needs of the declaration: nodes, clocks in seconds, and whether roles
    are synchronised. ``names`` are the nodes' short names, for the completion of lines."""

    ids: frozenset[str]
    settle: float
    resync: float
    roles: bool = False
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, federation: Federation) -> Declared:
        reactor = federation.settings["reactor"]
        return cls(
            frozenset(federation.ids),
            float(reactor["settle"]),
            float(reactor["resync"]),
            "keycloak" in federation.settings,
            tuple(node.short for node in federation.nodes),
        )

    @classmethod
    def load(cls, state: Path) -> Declared | None:
        """The recorded declaration; ``None`` if there is no valid one."""
        with suppress(storage_state.StateBroken, KeyError, TypeError, ValueError):
            value = storage_state.read_state(state / storage_state.DECLARED)
            return cls(
                frozenset(value["ids"]),
                float(value["settle"]),
                float(value["resync"]),
                bool(value["roles"]),
            )
        return None

    def save(self, state: Path) -> None:
        """Record it for processes that leave requests; no write if it is unchanged."""
        value = {**asdict(self), "ids": sorted(self.ids)}
        storage_state.write_state(state / storage_state.DECLARED, value)


class Requests:
    """The requests of the federation whose state is in the folder ``state``."""

    def __init__(self, state: Path) -> None:
        self._folder = state / storage_state.REQUESTS

    def leave(self, name: str) -> bool:
        """Leave a request; False if the same one is pending already."""
        path = self._folder / name
        try:
            return _touch(path)
        except FileNotFoundError:
            paths.private_folder(self._folder)
            return _touch(path)

    def leave_for(self, name: str, person: str) -> bool:
        """The same for an operator, who is named as the one behind what the controller does."""
        state = self._folder.parent
        storage_state.write_state(state / storage_state.REQUESTED_BY, person)
        return self.leave(name)

    def person(self) -> str | None:
        """The operator whose request is pending, once: what runs now is for that one."""
        path = self._folder.parent / storage_state.REQUESTED_BY
        try:
            found = storage_state.read_state(path)
        except storage_state.StateBroken:
            found = None
        storage_state.remove_state(path)
        return found if isinstance(found, str) else None

    def restore(self, pending: frozenset[str], person: str | None) -> None:
        """Leave what was ``pending`` again, by ``person``: a run that had taken it did nothing."""
        for name in pending:
            self.leave(name)
        if person is not None:
            storage_state.write_state(self._folder.parent / storage_state.REQUESTED_BY, person)
        if OWED not in pending:
            self.take([OWED])

    def there(self) -> frozenset[str]:
        """The pending requests."""
        try:
            return frozenset(path.name for path in self._folder.iterdir()) & frozenset(NAMES)
        except FileNotFoundError:
            return frozenset()

    def take(self, names: Iterable[str]) -> None:
        """Take requests; a later one is a new request."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


def addressed(tag: str, root: Path) -> Iterator[tuple[Path, str]]:
    """The federations that an event's ``tag`` addresses, as ``(state, request)``.

    ``root`` is the folder of all federations' states. The tag proves nothing, not even its sender.
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
