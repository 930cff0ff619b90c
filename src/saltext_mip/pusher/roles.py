"""Synchronise Keycloak's roles and groups with the last generation, and record the outcome.

Roles follow the data structure that ``mip.export`` returns, that of the last generation, so a
consolidation that is held changes no right. While the federation is suspended, rights are only
granted, never revoked.

A server may take long over each of many answers, so it is not asked within the federation's lock: a
lock of its own keeps two runs apart. If a generation comes meanwhile, the next run follows it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from saltext_mip.errors import MipError, Misuse
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.generations.history import last_generation
from saltext_mip.results import SyncRolesResult
from saltext_mip.storage.state import (
    ROLES_LOCK,
    ROLES_SYNCED,
    decode_state,
    read_state,
    write_state,
)


@dataclass(frozen=True)
class RolesState:
    """The outcome of the last synchronisation: its generation, since when, and why.

    ``since`` changes when ``ok`` does; ``attempts`` counts consecutive failures.
    """

    generation: int
    ok: bool
    since: str
    message: str = ""
    attempts: int = 0
    permanent: bool = False

    @classmethod
    def load(cls, state: Path) -> RolesState | None:
        value = read_state(_path(state))
        return None if value is None else decode_state(cls, value)


def configured(pusher: Pusher) -> bool:
    """Whether the pillar names a Keycloak for this federation."""
    return "keycloak" in pusher.federation.settings


def sync_roles(
    pusher: Pusher,
    *,
    dry_run: bool = False,
    prune: bool = False,
    copy_from: str | None = None,
    timeout: float = 300.0,
) -> SyncRolesResult:
    """Synchronise roles and groups of the federation's Keycloak client.

    The result has ``retcode`` 1 if the server refused a part. An error is recorded for the
    condition ``RolesSynced`` before it is raised.
    """
    if not configured(pusher):
        raise Misuse(
            f"Federation '{pusher.federation.name}' has no Keycloak: declare it in the pillar as "
            f"mip:federations:{pusher.federation.name}:keycloak."
        )
    if dry_run:
        last = last_generation(pusher)
        return _synced(pusher, last, dry_run=True, prune=prune, copy_from=copy_from)
    with pusher.locked("sync_roles", timeout, name=ROLES_LOCK):
        last = last_generation(pusher)
        number = last.number
        try:
            result = _synced(pusher, last, dry_run=False, prune=prune, copy_from=copy_from)
        except MipError as exc:
            _remember(pusher, number, str(exc), permanent=exc.permanent)
            raise
        refused = [sanitize(failure.message) for failure in result.failed]
        _remember(pusher, number, "; ".join(refused), permanent=True)
        if result.changed:
            pusher.record("roles", message=_counted(result), generation=number)
        return structs.replace(result, retcode=1) if refused else result


def _synced(pusher: Pusher, last: Generation, **options: Any) -> SyncRolesResult:
    from saltext_mip.keycloak import sync  # a costly import

    suspended = pusher.store.suspended()
    synced = sync(
        last.structure,
        dict(pusher.federation.settings["keycloak"]),
        only_give=suspended is not None,
        progress=pusher.progress,
        **options,
    )
    notes = []
    if suspended is not None:
        notes = [f"The federation is suspended ({suspended.reason}): no right was revoked."]
    return SyncRolesResult(
        federation=pusher.federation.name,
        generation=last.number,
        notes=notes,
        **structs.asdict(synced),
    )


def _counted(result: SyncRolesResult) -> str:
    parts = {"created": result.created, "updated": result.updated, "removed": result.removed}
    return ", ".join(f"{len(names)} {part}" for part, names in parts.items() if names)


def _remember(pusher: Pusher, generation: int, message: str, *, permanent: bool) -> None:
    before = RolesState.load(pusher.state)
    ok = not message
    same = before is not None and before.ok == ok
    now = _iso(pusher.now())
    if not ok and not same:
        pusher.record("failed", about="roles", message=message)
    state = RolesState(
        generation=generation,
        ok=ok,
        since=before.since if before is not None and same else now,
        message=message,
        attempts=0 if ok else (before.attempts + 1 if before is not None and same else 1),
        permanent=permanent and not ok,
    )
    write_state(_path(pusher.state), asdict(state))


def _path(state: Path) -> Path:
    return state / ROLES_SYNCED


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
