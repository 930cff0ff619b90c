"""Consolidate: gather, verify, plan, stage, commit, record."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from msgspec import structs

from saltext_mip import wire
from saltext_mip.data.cde.catalogue import Catalogue
from saltext_mip.data.consolidation import planner, unservable
from saltext_mip.data.consolidation.participants import DISABLED
from saltext_mip.data.consolidation.planner import CdeFound, Labels, Plan
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import BadAnswer, Busy, Misuse, NodesFailed, NodesMissing
from saltext_mip.federation import MissingWorker
from saltext_mip.generations import open_problems
from saltext_mip.generations.generation import Generation
from saltext_mip.plans import PlanItem
from saltext_mip.problems import Problem
from saltext_mip.pusher import events
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import Follow, Gathered, OnlineCdes, gather
from saltext_mip.pusher.generations import clean
from saltext_mip.pusher.label_review import ask_labels
from saltext_mip.pusher.transfer import Sender, recover
from saltext_mip.results import ConsolidateResult, PathologyResult, WorkerResult
from saltext_mip.swarm.engines import ENGINE
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal


@dataclass(frozen=True)
class Options:
    """The options of one consolidation."""

    online_cdes: bool = False
    datacatalogue_protocol: str | None = None
    datacatalogue_host: str | None = None
    ask: Callable[[str], str] | None = None
    missing_worker: MissingWorker | None = None
    strict: bool = False
    dry_run: bool = False
    timeout: float = 300.0
    follow: Follow | None = None


def consolidate(pusher: Pusher, options: Options) -> ConsolidateResult:
    """Update the federation's CDEs and ``pathologies.json`` to match its data.

    Returns the result of ``mip.consolidate``. After a :class:`~saltext_mip.errors.MipError`
    nothing was changed, or the next run finishes the change.
    """
    _missing_worker(pusher, options)
    online = _online(pusher, options)
    if options.dry_run:
        found = survey(pusher, options, online)
        notes = clean.warnings(pusher, found.blobs, found.generation(pusher))
        return structs.replace(
            result(pusher, found, found.number, [*_interruption_notes(pusher), *notes]),
            dry_run=True,
            plan=plan_items(found.plan),
        )
    last = pusher.store.last()
    lacking = online.lacking(None, last) if online else []
    recovered = None
    while True:
        if online and lacking:  # outside of the lock: a slow catalogue keeps no command waiting
            online.ask(lacking)
        with pusher.locked("consolidate", options.timeout):
            recovered = recover(pusher) or recovered
            last = pusher.store.last()
            gathered = gather(pusher, last, follow=options.follow)
            lacking = online.lacking(gathered, last) if online else []
            if lacking:
                continue
            found = plan_survey(pusher, options, last, gathered, online)
            announce_removals(pusher, found.plan)
            found, number = commit(pusher, options, found, online=online)
            return result(pusher, found, number, [recovered] if recovered else [])


@dataclass(frozen=True)
class Survey:
    """The last generation, the gathered inventories, and the plan made from both."""

    last: Generation | None
    gathered: Gathered
    plan: Plan
    labels: Labels

    @property
    def changed(self) -> bool:
        """Whether the plan makes a new generation."""
        relabelled = self.last and dict(self.last.labels) != dict(self.labels.pathologies)
        return self.plan.changed or bool(relabelled)

    @property
    def number(self) -> int | None:
        return self.last.number if self.last else None

    def generation(self, pusher: Pusher) -> Generation | None:
        """The generation that the plan makes once committed; ``None`` if nothing changed."""
        if not self.changed:
            return None
        return Generation.of_plan(
            self.plan,
            number=pusher.store.next_number(),
            when=pusher.now().isoformat(timespec="seconds"),
            actor=pusher.actor,
            labels=self.labels.pathologies,
        )

    def replaced(self) -> dict[str, bytes]:
        """The master's CDEs that are replaced; the pusher keeps them, they may be hand-edited."""
        replaced = {write.replaces for write in self.plan.writes}
        contents = self.gathered.cdes.values()
        known = {hashlib.sha256(content).hexdigest(): content for content in contents}
        return {sha256: content for sha256, content in known.items() if sha256 in replaced}

    @property
    def blobs(self) -> dict[str, bytes]:
        """The contents that the pusher keeps."""
        return {**self.plan.blobs, **self.replaced()}

    def to_enrol(self) -> list[str]:
        """Nodes with pathologies whose data path does not carry ``.mip-data`` yet."""
        return [
            inventory.node
            for inventory in self.gathered.inventories.values()
            if inventory.pathologies and not inventory.enrolled
        ]


def survey(pusher: Pusher, options: Options, online: OnlineCdes | None = None) -> Survey:
    """Gather from all nodes and plan. Writes nothing. To be called without the lock."""
    last = pusher.store.last()
    gathered = gather(pusher, last, follow=options.follow)
    if online and (lacking := online.lacking(gathered, last)):
        online.ask(lacking)
    return plan_survey(pusher, options, last, gathered, online)


def plan_survey(
    pusher: Pusher,
    options: Options,
    last: Generation | None,
    gathered: Gathered,
    online: OnlineCdes | None = None,
) -> Survey:
    """Plan from gathered inventories; nodes verify files first where a CDE is new to them."""
    own = {name: CdeFound(content) for name, content in gathered.cdes.items()}
    cdes, not_found = online.instead_of(own) if online else (own, {})
    gathered = replace(gathered, inventories=verify_files(pusher, gathered.inventories, cdes))
    remembered = Labels(pathologies=pusher.store.labels())

    def plan(labels: Labels) -> Plan:
        return planner.plan(
            pusher.federation,
            inventories=gathered.inventories,
            absent={**gathered.absent, **dict.fromkeys(gathered.disabled, DISABLED)},
            cdes=cdes,
            ui_sha256=gathered.ui_sha256,
            labels=labels,
            previous=last.previous() if last else None,
            missing_worker=_missing_worker(pusher, options),
            strict=options.strict,
            online_cdes=online is not None,
            nowhere=not_found,
            kept_cdes=_last_cdes(pusher, last, cdes),
            dropped=_dropped(pusher),
        )

    made = plan(remembered)
    if options.ask is not None:
        remembered = ask_labels(made, remembered, options.ask)
        made = plan(remembered)
    return Survey(last, gathered, made, remembered)


def _last_cdes(
    pusher: Pusher, last: Generation | None, cdes: Mapping[str, CdeFound]
) -> dict[str, bytes]:
    """The last generation's CDEs of pathologies whose CDE cannot be used now."""
    known = dict(last.cdes) if last else {}
    names = [name for name in planner.unusable(pusher.federation, cdes) if name in known]
    return {name: pusher.store.blob(known[name]) for name in names}


def _dropped(pusher: Pusher) -> unservable.Dropped:
    """The engine's rule for names, unless the pillar declares that it serves any name."""
    any_name = pusher.federation.settings["engine"]["any_name"]
    return unservable.nothing if any_name else ENGINE.dropped


def commit(
    pusher: Pusher,
    options: Options,
    found: Survey,
    *,
    online: OnlineCdes | None = None,
    guard: Callable[[Survey], None] = lambda _: None,
) -> tuple[Survey, int | None]:
    """Apply the plan; what was applied, and the number of the generation that is current now.

    Where missing workers are no error, one that answers but cannot stage its files is none either:
    it is planned again without it. ``guard`` is called with such a plan, and may raise.
    """
    sender = Sender(pusher)
    while True:
        try:
            done = _commit(pusher, options, found, sender)
            clean.tidy(pusher)
            return done
        except (NodesMissing, NodesFailed) as exc:
            reasons = {**exc.facts.get("missing", {}), **exc.facts.get("failed", {})}
            without = _absent(pusher, options, sender, reasons)
            if not without:
                raise
        for problem in without.values():
            pusher.progress(f"going on without {problem.node}: {problem.about}")
        gathered = found.gathered
        inventories = gathered.inventories
        left = {node: each for node, each in inventories.items() if node not in without}
        gathered = replace(gathered, inventories=left, absent={**gathered.absent, **without})
        found = plan_survey(pusher, options, found.last, gathered, online)
        guard(found)


def _absent(
    pusher: Pusher, options: Options, sender: Sender, reasons: Mapping[str, str]
) -> dict[str, Problem]:
    """The problems of workers without which it goes on; none if it cannot go on."""
    workers = {node.id for node in pusher.federation.workers}
    if _missing_worker(pusher, options) == "fail" or not reasons.keys() <= workers:
        return {}
    return {node: sender.problem("WorkerFailed", node, why) for node, why in reasons.items()}


def _commit(
    pusher: Pusher, options: Options, found: Survey, sender: Sender
) -> tuple[Survey, int | None]:
    lagging: dict[str, Problem] = {}

    def may_lag(reasons: Mapping[str, str]) -> bool:
        # A node that serves data and is not enrolled counts as not mounted: its first commit
        # enrols it, and has to be finished.
        if reasons.keys() & set(found.to_enrol()):
            return False
        lagging.update(_absent(pusher, options, sender, reasons))
        return bool(lagging)

    generation = found.generation(pusher)
    blobs = found.blobs
    if generation is not None or found.plan.writes:
        clean.make_room(pusher, blobs, generation, replaced=found.replaced())
    coordinator.run(
        found.plan.writes,
        blobs,
        generation=generation,
        txn=uuid.uuid4().hex,
        actor=pusher.actor,
        when=pusher.now().isoformat(timespec="seconds"),
        send=sender,
        journal=Journal(pusher.state),
        store=pusher.store,
        enrol=found.to_enrol(),
        may_lag=may_lag,
    )
    if lagging:
        problems = (*found.plan.problems, *lagging.values())
        found = replace(found, plan=replace(found.plan, problems=problems))
    number = found.number if generation is None else generation.number
    if number is not None:
        inventories = found.gathered.inventories
        refused = events.record_files(pusher, found.plan.problems, inventories)
        open_problems.remember(pusher.state, number, found.plan.problems, found.plan.files, refused)
    if generation is not None:
        pusher.fire("consolidated", {"generation": generation.number})
        events.record_commit(pusher, generation)
    return found, number


def _missing_worker(pusher: Pusher, options: Options) -> MissingWorker:
    given = options.missing_worker or pusher.federation.settings["missing_worker"]
    for allowed in get_args(MissingWorker):
        if given == allowed:
            return allowed  # type: ignore[no-any-return]
    raise Misuse(f"missing_worker must be one of {', '.join(get_args(MissingWorker))}.")


def verify_files(
    pusher: Pusher, inventories: Mapping[str, Inventory], cdes: Mapping[str, CdeFound]
) -> dict[str, Inventory]:
    """The inventories, with every sound file verified by its node against the CDE to come.

    The files of a node that fails here, or whose response is invalid, remain unverified: the plan
    treats them as being changed, so they are kept as they were.
    """
    known = dict(inventories)
    asked = planner.unverified(pusher.federation, inventories, cdes)
    if asked:
        pusher.progress(f"verifying against new CDEs on {', '.join(asked)}")
        names = sorted({name for of in asked.values() for name in of})
        parts = wire.pack({name: cdes[name].content.decode("latin-1") for name in names})
        answers = pusher.ask("verify", list(asked), parts=parts)
        for node, value in answers.values.items():
            try:
                inventory = Inventory.from_wire(node, pusher.federation.name, value)
            except BadAnswer as exc:
                pusher.progress(str(exc))
                continue
            if inventory.status == "ok":
                known[node] = inventory
    return known


def _interruption_notes(pusher: Pusher) -> list[str]:
    pending = Journal(pusher.state).pending()
    if pending is None:
        return []
    try:
        with pusher.store.lock(pusher.federation.name, "", wait=0):
            pending = Journal(pusher.state).pending()
    except Busy as busy:
        return [f"{busy.facts['holder']} is running: the plan may be outdated."]
    if pending is None:
        return ["Another command ended meanwhile: the plan may be outdated."]
    return [
        f"The run of {pending.actor} at {pending.when} was interrupted: "
        f"the next run that is not a dry run will {pending.todo} it."
    ]


def _online(pusher: Pusher, options: Options) -> OnlineCdes | None:
    """The data catalogue that this run takes CDEs from, if it does."""
    if not options.online_cdes:
        return None
    settings = pusher.federation.settings["datacatalogue"]
    catalogue = Catalogue(
        options.datacatalogue_protocol or settings["protocol"],
        options.datacatalogue_host or settings["host"],
    )
    return OnlineCdes(pusher, catalogue)


def announce_removals(pusher: Pusher, plan: Plan) -> None:
    for pathology in (*plan.pathologies, *plan.gone):
        if pathology.removed:
            pusher.progress(f"removing from {pathology.name}: {', '.join(pathology.removed)}")


def plan_items(plan: Plan) -> list[PlanItem]:
    """What a commit of the plan would write."""
    return [write.plan_item for write in plan.writes]


def result(
    pusher: Pusher, found: Survey, number: int | None, notes: list[str]
) -> ConsolidateResult:
    """What ``mip.consolidate`` returns; ``number`` is the current generation."""
    plan = found.plan
    written = {(write.node, write.pathology) for write in plan.writes}
    ui = pusher.federation.ui
    return ConsolidateResult(
        federation=pusher.federation.name,
        generation=number,
        changed=found.changed,
        pathologies={
            pathology.name: PathologyResult(
                label=pathology.label,
                datasets={code: list(nodes) for code, nodes in pathology.datasets.items()},
                added=list(pathology.added),
                removed=list(pathology.removed),
                cde_source=pathology.cde_source,
                nodes={
                    node: "updated" if (node, pathology.name) in written else "unchanged"
                    for node in pathology.nodes
                },
            )
            for pathology in (*plan.pathologies, *plan.gone)
        },
        ui={} if ui is None else {ui.id: "updated" if (ui.id, None) in written else "unchanged"},
        workers={node: WorkerResult(**worker) for node, worker in plan.workers.items()},
        problems=pusher.report(plan.problems),
        notes=notes,
    )
