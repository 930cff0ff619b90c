"""Which notices follow from an observation. Pure: what was notified before is an argument.

A condition is bad while a person has to act. What only follows from another condition (no answer of
a node that is missing) is neither bad nor good: it stays what it was. A change is notified once it
has lasted; one that comes and goes is notified once as flapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct, field, structs

from saltext_mip.conditions import WHILE_TRUE, severity
from saltext_mip.results import ReportedCondition
from saltext_mip.watch.settings import BY_REQUEST, NOTIFIED, WatchSettings

FLAPPING = 3  # changes of a condition
HOUR = 3600.0  # seconds in which they are counted, and for which nothing is sent afterwards

#: Of a condition that is Unknown: nobody has to act, or another condition names the cause.
INCONCLUSIVE = frozenset(
    {"NoAnswer", "NotAsked", "NothingDeclared", "NeverConsolidated", "MasterDisabled"}
    | {"NodeBusy", "NotYetAnswered"}  # slow is not missing
)
#: What a node that is missing brings about: notified with it, not before.
CONSEQUENCES = frozenset({"DataValid", "Consolidated", "Compiled", "Deployed", "Served"})
CAUSE = "WorkersReachable"

ItemKind = Literal["bad", "good", "still", "flapping"]


class Known(Struct, frozen=True):
    """One condition: whether it is bad, since when, and whether that was notified (``notified``).

    ``unsettled``: it was notified as flapping, and not yet as what it is since then. ``changes``
    are those of the last hour. Times are seconds since the epoch.
    """

    bad: bool = False
    since: float = 0.0
    changes: list[float] = field(default_factory=list)
    notified: bool = False
    notified_at: float = 0.0
    silent_until: float = 0.0
    unsettled: bool = False


class Memory(Struct, frozen=True):
    """What was notified so far; ``next`` is the number of the next notice.

    ``daily``: the date of the last daily mails, in their time zone; empty: none are declared.
    """

    next: int = 1
    daily: str = ""
    conditions: dict[str, Known] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One condition in a notice; ``since`` in seconds since the epoch."""

    kind: ItemKind
    type: str
    reason: str
    message: str
    hint: str
    since: float


def decide(
    memory: Memory,
    conditions: Iterable[ReportedCondition],
    now: float,
    settings: WatchSettings,
) -> tuple[Memory, list[Item]]:
    """The items of the notice that is due now, and what to remember once it is in the outbox."""
    found = {each.type: each for each in conditions}
    known = {
        kind: _observed(memory.conditions.get(kind, Known()), _is_bad(kind, found), now)
        for kind in sorted(NOTIFIED - {"Ready"})
    }
    kinds = _flapping(known, now) or {}
    silent = {kind for kind, each in known.items() if now < each.silent_until}
    waits = _waits(known, now, settings)
    rest = {
        kind: each
        for kind, each in known.items()
        if kind not in kinds and kind not in silent and not (kind in CONSEQUENCES and waits)
    }
    still_bad = any(each.bad and each.notified for each in known.values())
    recovered = [kind for kind, each in rest.items() if each.notified and not each.bad]
    if not still_bad or any(_lasted(known[kind], now, settings.delay(kind)) for kind in recovered):
        kinds |= dict.fromkeys(recovered, "good")
    for kind, each in rest.items():
        if (
            each.bad
            and (each.unsettled or not each.notified)
            and _lasted(each, now, settings.delay(kind))
        ):
            kinds[kind] = "bad"
        elif each.bad and each.notified and now - each.notified_at >= settings.remind:
            kinds[kind] = "still"
    after = {kind: _notified(each, kinds.get(kind), now) for kind, each in known.items()}
    items = [_item(kinds[kind], kind, found, known[kind].since) for kind in sorted(kinds)]
    items += _summary(memory.conditions, after, kinds, found, now)
    return structs.replace(memory, conditions=after), items


def _is_bad(kind: str, found: Mapping[str, ReportedCondition]) -> bool | None:
    """``None``: it cannot be notified, or another condition is the cause."""
    each = found.get(kind)
    if each is None:
        return False
    if kind in WHILE_TRUE:
        return each.status == "True"
    if each.status == "Unknown":
        causes = any(of.status == "False" and of.type != "Ready" for of in found.values())
        return None if each.reason in INCONCLUSIVE or causes else True
    return severity(kind, each.status, each.reason) == "bad"


def _observed(known: Known, bad: bool | None, now: float) -> Known:
    changes = [each for each in known.changes if now - HOUR < each <= now]
    if bad is None or bad == known.bad:
        return structs.replace(known, changes=changes)
    return structs.replace(known, bad=bad, since=now, changes=[*changes, now])


def _flapping(known: Mapping[str, Known], now: float) -> dict[str, ItemKind]:
    """Those that flap; where one changes once more, with all that seem to."""
    loud = {kind: each for kind, each in known.items() if now >= each.silent_until}
    if not any(len(each.changes) >= FLAPPING and each.since == now for each in loud.values()):
        return {}
    return {kind: "flapping" for kind, each in loud.items() if len(each.changes) >= FLAPPING - 1}


def _waits(known: Mapping[str, Known], now: float, settings: WatchSettings) -> bool:
    """Whether a node seems to be missing, and that has not lasted long enough to be notified."""
    cause = known[CAUSE]
    return cause.bad and not cause.notified and not _lasted(cause, now, settings.delay(CAUSE))


def _lasted(known: Known, now: float, seconds: float) -> bool:
    return now - known.since >= seconds or now < known.since  # or the clock was set back


def _notified(known: Known, kind: ItemKind | None, now: float) -> Known:
    match kind:
        case None:
            return known
        case "flapping":
            until = now + HOUR
            return structs.replace(
                known, notified=True, notified_at=now, silent_until=until, unsettled=True
            )
        case _:
            return structs.replace(known, notified=known.bad, notified_at=now, unsettled=False)


def _summary(
    before: Mapping[str, Known],
    after: Mapping[str, Known],
    kinds: Mapping[str, ItemKind],
    found: Mapping[str, ReportedCondition],
    now: float,
) -> list[Item]:
    """``Ready`` for channels that ask for it: bad while any other is notified as bad."""
    was, is_ = _any_notified(before), _any_notified(after)
    since = [each.since for kind, each in after.items() if each.notified and kind not in BY_REQUEST]
    if is_ and not was:
        return [_item("bad", "Ready", found, min(since))]
    if was and not is_:
        return [_item("good", "Ready", found, now)]
    if is_ and "still" in kinds.values():
        return [_item("still", "Ready", found, min(since))]
    return []


def _any_notified(known: Mapping[str, Known]) -> bool:
    return any(each.notified for kind, each in known.items() if kind not in BY_REQUEST)


def _item(kind: ItemKind, type_: str, found: Mapping[str, ReportedCondition], since: float) -> Item:
    each = found.get(type_)
    if each is None or kind == "good":
        return Item(kind, type_, each.reason if each else "", "", "", since)
    return Item(kind, type_, each.reason, each.message, each.hint, since)
