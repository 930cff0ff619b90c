"""Hold the changes that need approval: keep their files as they were, and let all else go on.

What is held is recorded before the rest is committed, and again after it, so that a crash at any
point loses no hold, and no decision. A change that was held once stays held until an operator
approves it or the data are back, however little would be removed by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import UNSET, structs

from saltext_mip import wire
from saltext_mip.controller.shrink_guard import Change, Key, Known, guarded, held_files
from saltext_mip.data.consolidation.manifest import FileNames, Manifest, record_of
from saltext_mip.federation import Node
from saltext_mip.generations.generation import Generation
from saltext_mip.plans import PlanItem
from saltext_mip.problems import Problem
from saltext_mip.pusher.answers import unanswered
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.survey import Survey
from saltext_mip.results import Held, HoldDecision
from saltext_mip.text import first_of

_NAMED = 20  # things in an event


class Guard:
    """The guard of one run, under the federation's lock.

    ``automatic``: changes are held. Otherwise an operator makes them, and only what they rejected
    stays held. ``changes`` are those of the last plan: held, or approved; ``made`` are those that
    the operator makes and an automatic run would hold.
    """

    def __init__(self, pusher: Pusher, *, automatic: bool) -> None:
        self._pusher = pusher
        self._automatic = automatic
        self._before = pusher.store.holds.load()
        self.changes: tuple[Held, ...] = ()
        self.made: tuple[Held, ...] = ()
        self._announced: set[str] | None = None  # None: nothing may be announced yet
        self._files: FileNames = {}

    def __call__(self, found: Survey) -> Survey:
        """The plan without what is held."""
        last = found.last
        if last is None:
            return found
        changes = self._changes(found, last)
        decisions = self._pusher.store.holds.decisions()
        since = {_key(held): held.since for held in self._before.changes}
        now = self._pusher.now().isoformat(timespec="seconds")
        self.changes = tuple(
            structs.replace(
                _held(change, since.get(change.key, now)),
                available=self._is_available(change, found),
                decided=decisions.get(change.id, UNSET),
            )
            for change in changes
        )
        if not self._automatic:
            self.made = self.undecided
            self.changes = tuple(held for held in self.changes if is_rejected(held))
        kept = {held.id for held in self.held}
        self._files = held_files(
            last.files, found.plan.files, [change for change in changes if change.id in kept]
        )
        self.changes += tuple(self._not_seen(found))
        return found.holding(self._files)

    def _not_seen(self, found: Survey) -> Iterator[Held]:
        """Held files of nodes that did not tell what they have now."""
        for held in self._before.changes:
            if not held.dataset and held.node in found.gathered.absent:
                yield held

    def _changes(self, found: Survey, last: Generation) -> tuple[Change, ...]:
        before = self._before.changes
        return guarded(
            last.files,
            found.plan.files,
            disabled=found.gathered.disabled,
            max_removed=int(self._pusher.federation.settings["reactor"]["max_removed"]),
            repeated=tuple(_repeated(found, last, {_key(held) for held in before})),
            known=Known(
                held={_key(held): held.why for held in before},
                decided=[_key(held) for held in before if held.decided],
                away=found.gathered.absent,
            ),
        )

    def _is_available(self, change: Change, found: Survey) -> bool:
        """Whether the node has the folder whose database keeps the rows."""
        inventory = found.gathered.inventories.get(change.key.node)
        if inventory is None:
            known = {_key(held): held.available for held in self._before.changes}
            return known.get(change.key, True)
        return not change.key.dataset or record_of(inventory, change.key.pathology) is not None

    @property
    def held(self) -> tuple[Held, ...]:
        """The changes that are not made: undecided, or rejected."""
        return tuple(held for held in self.changes if not is_approved(held))

    @property
    def undecided(self) -> tuple[Held, ...]:
        return tuple(held for held in self.changes if not held.decided)

    def plan_items(self) -> list[PlanItem]:
        """What is held, as items of a plan."""
        return [PlanItem("hold", held.thing, held.why, held.node) for held in self.held]

    def begin(self) -> None:
        """Record what is held, and what is removed, before the rest is committed."""
        pusher = self._pusher
        self._announced = set()
        self.announce()
        pusher.store.holds.save(self.changes, self._files, {*self._before.nodes, *self._files})
        known = {held.id for held in self._before.changes}
        new = [held for held in self.held if held.id not in known]
        if new:
            pusher.fire("held", {"reason": "ShrinkGuard", "datasets": len(new)})
        for node, held in _by_node(new).items():
            why = "; ".join(dict.fromkeys(each.why for each in held))
            pusher.record("held", about=node, message=f"{things(held)}: {why}")

    def announce(self) -> None:
        """Report what is made, once it has begun, in progress and events."""
        if self._announced is None:
            return
        pusher = self._pusher
        new = [held for held in self.made if held.id not in self._announced]
        self._announced |= {held.id for held in new}
        for held in new:
            pusher.progress(f"{held.change}: {held.why}")
        if new:
            pusher.fire("removing", {"datasets": sum(bool(held.dataset) for held in new)})
        for node, made in _by_node(new).items():
            why = "; ".join(dict.fromkeys(each.why for each in made))
            pusher.record("removing", about=node, message=f"{things(made)}: {why}")

    def end(self, found: Survey) -> None:
        """Record what is held after the rest was committed, and what is held no longer."""
        pusher = self._pusher
        # a change of a node that is away now is made when it is back
        left = {held.id for held in self.changes if not is_approved(held) or _is_open(held, found)}
        changes = [held for held in self.changes if held.id in left]
        pusher.store.holds.save(changes, self._files, {*self._before.nodes, *self._files})
        known = {held.id: held for held in (*self._before.changes, *self.changes)}
        ended: dict[tuple[str, str], list[Held]] = {}
        for held in known.values():
            if held.id not in left:
                ended.setdefault((held.node, self._why_ended(held, found)), []).append(held)
        for (node, why), done in ended.items():
            pusher.record("released", about=node, message=f"{things(done)}: {why}")

    def _why_ended(self, held: Held, found: Survey) -> str:
        if held.node in found.gathered.disabled:
            return "the node is disabled"
        if isinstance(held.decided, HoldDecision) and is_approved(held) and held in self.changes:
            return f"done, as approved by {held.decided.actor}"
        if held.dataset and not _listed(found.plan.files, held):
            return f"removed by {self._pusher.actor}"
        return "the data are back" if held.dataset else "the file no longer repeats rows of another"


def send_held_files(pusher: Pusher, nodes: Sequence[Node]) -> dict[str, Problem]:
    """Send these nodes the files that their databases keep; a problem for each that failed.

    Only to those that keep some, or did. One that failed must not compile.
    """
    holds, last = pusher.store.holds.load(), pusher.store.last()
    sent, problems = set(holds.nodes), {}
    for node in nodes:
        files = holds.files.get(node.id, {})
        if not files and node.id not in holds.nodes:
            continue
        parts = wire.pack(_for_node(files, last, node.id))
        answers = pusher.ask("hold_files", [node.id], parts=parts)
        for problem in unanswered(answers, [node], "WorkerMissing", "WorkerFailed"):
            problems[node.id] = problem
        if node.id in answers.values and not files:
            sent.discard(node.id)
    if sent != set(holds.nodes):
        pusher.store.holds.save(holds.changes, holds.files, sent)
    return problems


def _for_node(
    files: Mapping[str, Sequence[str]], last: Generation | None, node: str
) -> dict[str, dict[str, list[str]]]:
    served = last.files.get(node, {}) if last else {}
    out = {}
    for pathology, names in files.items():
        there = {file.name for file in served.get(pathology, ())}
        out[pathology] = {
            "kept": [name for name in names if name in there],
            "left_out": [name for name in names if name not in there],
        }
    return out


def is_approved(held: Held) -> bool:
    """Whether an operator approved it: it is made, or will be."""
    return isinstance(held.decided, HoldDecision) and held.decided.decision == "approved"


def is_rejected(held: Held) -> bool:
    """Whether an operator decided that it is not made."""
    return isinstance(held.decided, HoldDecision) and held.decided.decision == "rejected"


def _held(change: Change, since: str) -> Held:
    key = change.key
    what = f"remove dataset {key.dataset}" if key.dataset else f"use {key.file}"
    return Held(
        id=change.id,
        node=key.node,
        pathology=key.pathology,
        dataset=key.dataset,
        files=[name for name, _ in change.files],
        since=since,
        why=change.why,
        change=f"{what} of {key.pathology} on {key.node}",
        available=True,
    )


def _key(held: Held) -> Key:
    return Key(held.node, held.pathology, held.dataset, "" if held.dataset else held.files[0])


def _repeated(found: Survey, last: Generation, held: Iterable[Key]) -> Iterator[Key]:
    """Files with rows or visits of another, which the last generation did not know as such."""
    known = {
        (of.get("rule"), of.get("node"), of.get("pathology"), of.get("file"))
        for of in last.problems
    }
    seen = set()
    for problem in found.plan.problems:
        if problem.rule not in ("OverlappingFile", "VisitInOtherFile"):
            continue
        key = Key(problem.node or "", problem.pathology or "", "", problem.file or "")
        new = (problem.rule, problem.node, problem.pathology, problem.file) not in known
        if (new or key in set(held)) and key not in seen:
            seen.add(key)
            yield key


def _is_open(held: Held, found: Survey) -> bool:
    """Whether an approved change could not be made yet."""
    if held.node in found.gathered.absent:
        return True
    return bool(held.dataset) and _listed(found.plan.files, held)


def _listed(files: Manifest, held: Held) -> bool:
    return any(
        code == held.dataset
        for file in files.get(held.node, {}).get(held.pathology, ())
        for code, _ in file.datasets
    )


def _by_node(changes: Iterable[Held]) -> dict[str, list[Held]]:
    found: dict[str, list[Held]] = {}
    for held in changes:
        found.setdefault(held.node, []).append(held)
    return found


def things(changes: Iterable[Held]) -> str:
    """What they are about, in a line."""
    return first_of([held.thing for held in changes], _NAMED)
