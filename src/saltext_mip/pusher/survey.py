"""Gather what all nodes have, and plan what a consolidation would do. Nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

from saltext_mip import wire
from saltext_mip.data.cde.catalogue import Catalogue
from saltext_mip.data.consolidation import planner, unservable
from saltext_mip.data.consolidation.manifest import FileNames
from saltext_mip.data.consolidation.participants import DISABLED
from saltext_mip.data.consolidation.planner import CdeFound, Labels, Plan
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import BadAnswer, Misuse
from saltext_mip.federation import MissingWorker
from saltext_mip.generations import open_problems
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher import events
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import Follow, Gathered, OnlineCdes, gather
from saltext_mip.pusher.questions.label_review import LabelReview
from saltext_mip.swarm.engines import ENGINE


@dataclass(frozen=True)
class Options:
    """The options of one consolidation.

    ``review`` asks for labels. ``guard``: too many removals wait for an approval; else ``confirm``
    asks before they are made, and without it they are made.
    """

    online_cdes: bool = False
    datacatalogue_protocol: str | None = None
    datacatalogue_host: str | None = None
    review: LabelReview | None = None
    missing_worker: MissingWorker | None = None
    strict: bool = False
    guard: bool = False
    confirm: Callable[[str], str] | None = None
    dry_run: bool = False
    timeout: float = 300.0
    follow: Follow | None = None


@dataclass(frozen=True)
class Survey:
    """The last generation, the gathered inventories, and the plan made from both."""

    last: Generation | None
    gathered: Gathered
    plan: Plan
    labels: Labels
    # plans again with these files as they were in the last generation
    replan: Callable[[FileNames], Plan] = field(repr=False, compare=False)

    def holding(self, files: FileNames) -> Survey:
        """The same with these files as they were in the last generation."""
        return replace(self, plan=self.replan(files)) if files else self

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
        made = Generation.of_plan(
            self.plan,
            number=pusher.store.next_number(),
            when=pusher.now().isoformat(timespec="seconds"),
            actor=pusher.actor,
            labels=self.labels.pathologies,
        )
        return replace(made, note=events.membership_note(pusher, self.last, made.pathologies))

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
    known = open_problems.known(pusher.state, last)
    previous = known.previous() if known else None

    def plan(labels: Labels, held: FileNames | None = None) -> Plan:
        return planner.plan(
            pusher.federation,
            inventories=gathered.inventories,
            absent={**gathered.absent, **dict.fromkeys(gathered.disabled, DISABLED)},
            cdes=cdes,
            ui_sha256=gathered.ui_sha256,
            labels=labels,
            previous=previous,
            missing_worker=missing_worker(pusher, options),
            strict=options.strict,
            online_cdes=online is not None,
            nowhere=not_found,
            kept_cdes=_last_cdes(pusher, last, cdes),
            dropped=_dropped(pusher),
            held=held,
        )

    made = plan(remembered)
    if options.review is not None:
        remembered = options.review.labels(made, remembered)
        made = plan(remembered)
    return Survey(last, gathered, made, remembered, lambda held: plan(remembered, held))


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


def missing_worker(pusher: Pusher, options: Options) -> MissingWorker:
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


def online_cdes(pusher: Pusher, options: Options) -> OnlineCdes | None:
    """The data catalogue that this run takes CDEs from, if it does."""
    if not options.online_cdes:
        return None
    settings = pusher.federation.settings["datacatalogue"]
    catalogue = Catalogue(
        options.datacatalogue_protocol or settings["protocol"],
        options.datacatalogue_host or settings["host"],
    )
    return OnlineCdes(pusher, catalogue)
