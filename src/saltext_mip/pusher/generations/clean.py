"""The disk use of generations on the pusher: limit it, refuse what exceeds the quota, and free it.

Everything here runs under the federation's lock, but the plan of a dry run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET

from saltext_mip.errors import MipError, Misuse
from saltext_mip.generations import retention
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.retention import FEWEST, Cleanup, QuotaFull, Retention
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import CleanResult, NeededGeneration
from saltext_mip.storage.state import encoded
from saltext_mip.text import ranges, size
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal

MB = 1_000_000


def clean(pusher: Pusher, keep: Any, *, dry_run: bool, timeout: float) -> CleanResult:
    """Remove what is not needed; ``keep``: only that many generations, instead of the pillar's."""
    limits = _retention(pusher, keep)
    if dry_run:
        return _result(pusher, _plan(pusher, limits), dry_run=True)
    with pusher.locked("clean", timeout):
        return _result(pusher, _remove(pusher, limits), dry_run=False)


def tidy(pusher: Pusher) -> None:
    """After a commit: remove what the pillar's limits remove. If that fails, it is reported only.

    What was committed is not changed by it.
    """
    try:
        _remove(pusher, _retention(pusher))
    except (MipError, OSError, ValueError) as exc:
        pusher.progress(f"warning: old generations were not removed: {exc}")


def make_room(
    pusher: Pusher,
    blobs: Mapping[str, bytes],
    generation: Generation | None,
    *,
    replaced: Iterable[str] = (),
    restored: int | None = None,
) -> None:
    """Before a commit of these contents: :class:`QuotaFull` if they do not fit into the quota.

    What the pillar's limits remove is removed first, if that is what it takes. ``replaced``: those
    of them that the commit replaces on the master, and that are kept as long as the generation;
    ``restored``: the generation that it restores, which is not removed.
    """
    with coordinator.writing():
        if _shortage(pusher, blobs, generation):
            _remove(pusher, _retention(pusher), restored)
        if error := _shortage(pusher, blobs, generation):
            raise error
        pusher.store.remember_replaced(replaced, pusher.store.next_number())


def warnings(
    pusher: Pusher, blobs: Mapping[str, bytes], generation: Generation | None
) -> list[str]:
    """For a dry run: with which error :func:`make_room` would refuse the commit, if it would."""
    if not _shortage(pusher, blobs, generation):
        return []
    error = _shortage(pusher, blobs, generation, _plan(pusher, _retention(pusher)))
    return [f"It would be refused: {error}"] if error else []


def _shortage(
    pusher: Pusher,
    blobs: Mapping[str, bytes],
    generation: Generation | None,
    cleanup: Cleanup | None = None,
) -> QuotaFull | None:
    """The error if these contents and this generation do not fit, after that cleanup."""
    store, quota = pusher.store, _quota(pusher)
    there = store.blob_sizes().keys() - (cleanup.blobs.keys() if cleanup else set())
    more = sum(len(content) for sha256, content in blobs.items() if sha256 not in there)
    more += 0 if generation is None else len(encoded(generation.value()))
    used = store.used() - (cleanup.freed if cleanup else 0)
    if not more or used + more <= quota:
        return None
    return retention.full(pusher.federation.name, used, quota, more)


def _remove(pusher: Pusher, limits: Retention, restored: int | None = None) -> Cleanup:
    cleanup = _plan(pusher, limits, restored)
    pusher.store.remove(cleanup.removed, cleanup.blobs)
    if cleanup.removed:
        text = f"{ranges(cleanup.removed)}: {size(cleanup.freed)} freed"
        pusher.progress(f"removed generations {text}")
        pusher.record("cleaned", message=f"generations {text}")
    return cleanup


def _plan(pusher: Pusher, limits: Retention, restored: int | None = None) -> Cleanup:
    store = pusher.store
    needed = retention.needed(store)
    if restored is not None:
        needed.setdefault(restored, "it is being restored")
    pending = Journal(pusher.state).pending()
    running = pending.generation if pending else None
    return retention.plan(
        store,
        limits,
        needed=needed,
        blobs=running.blobs if running else (),
    )


def _retention(pusher: Pusher, keep: Any = None) -> Retention:
    settings = pusher.federation.settings["generations"]
    if keep is None:
        keep = settings["keep"]
    elif isinstance(keep, bool) or not isinstance(keep, int) or keep < FEWEST:
        raise Misuse(f"keep must be a number of generations, {FEWEST} or more, not {keep!r:.40}.")
    # half of the quota at most: the next run has room, whatever the settings are
    return Retention(keep, min(settings["keep_mb"] * MB, _quota(pusher) // 2))


def _quota(pusher: Pusher) -> int:
    return int(pusher.federation.settings["generations"]["quota_mb"]) * MB


def _result(pusher: Pusher, cleanup: Cleanup, *, dry_run: bool) -> CleanResult:
    return CleanResult(
        federation=pusher.federation.name,
        changed=bool(cleanup.items) and not dry_run,
        kept=list(cleanup.kept),
        removed=sorted(cleanup.removed),
        contents=len(cleanup.blobs),
        needed=[NeededGeneration(generation=n, reason=why) for n, why in cleanup.needed.items()],
        freed=cleanup.freed,
        used=pusher.store.used(),
        quota=_quota(pusher),
        dry_run=dry_run or UNSET,
        plan=cleanup.items if dry_run else UNSET,
    )
