"""Who takes part in a consolidation, and what is done about who does not.

Absence is suspicious: a worker that does not answer, or whose data path is not the one that was
enrolled, has not 'no datasets'. Only one that a person disabled leaves with its datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from saltext_mip.data.consolidation.manifest import Manifest, Previous
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import NodesMissing, Refused
from saltext_mip.federation import Federation, MissingWorker
from saltext_mip.problems import Problem
from saltext_mip.rules import NODE_RULES, RULES, hint

Status = Literal["ok", "missing", "disabled", "error"]

#: The status of a node that a person took out; any other absence is a problem.
DISABLED = "Disabled"
SILENT = "WorkerMissing"


@dataclass(frozen=True)
class Presence:
    """The nodes of a federation, each either with its inventory or with a reason why not."""

    federation: Federation
    inventories: Mapping[str, Inventory]
    absent: Mapping[str, Problem]
    disabled: frozenset[str]

    @classmethod
    def of(
        cls,
        federation: Federation,
        inventories: Mapping[str, Inventory],
        absent: Mapping[str, str | Problem],
    ) -> Presence:
        """``absent`` gives a rule's name, a problem, or ``Disabled`` for each node.

        An inventory that says itself that its data path is not there counts as absence.
        """
        silent = {
            node.id: SILENT
            for node in federation.nodes
            if node.role != "ui" and node.id not in inventories
        }
        broken = {id_: why for id_, inv in inventories.items() if (why := inv.absence)}
        reasons = {**silent, **broken, **absent}
        return cls(
            federation,
            {id_: inv for id_, inv in inventories.items() if id_ not in reasons},
            {
                id_: Problem(why, node=id_) if isinstance(why, str) else why.at(node=id_)
                for id_, why in reasons.items()
                if why != DISABLED
            },
            frozenset(id_ for id_, why in reasons.items() if why == DISABLED),
        )

    @property
    def workers(self) -> tuple[str, ...]:
        """All workers in the pillar's order, absent ones too."""
        return tuple(node.id for node in self.federation.workers)

    @property
    def there(self) -> tuple[Inventory, ...]:
        """The inventories of the workers that take part, in the pillar's order."""
        return tuple(self.inventories[id_] for id_ in self.workers if id_ in self.inventories)

    @property
    def master(self) -> Inventory:
        """The master's inventory; there is one once :meth:`missing` has passed."""
        return self.inventories[self.federation.master.id]

    @property
    def ui(self) -> str | None:
        """The id of the ui if there is one to write to."""
        ui = self.federation.ui
        return ui.id if ui and ui.id not in self.disabled and ui.id not in self.absent else None

    def status(self, node_id: str) -> Status:
        if node_id in self.disabled:
            return "disabled"
        if node_id not in self.absent:
            return "ok"
        return "missing" if self.absent[node_id].rule in NODE_RULES else "error"

    def missing(self, mode: MissingWorker) -> tuple[Problem, ...]:
        """A problem for each worker that should be there; an error where it cannot go on.

        Raises :class:`NodesMissing` naming them where ``mode`` is ``fail``, and always where the
        master or the ui is missing, since both are written to; :class:`Refused` where the master is
        disabled.
        """
        master, ui = self.federation.master.id, self.federation.ui
        if master in self.disabled:
            raise Refused(
                f"The master '{master}' is disabled, and it has the CDEs: "
                f"salt-run mip.enable federation={self.federation.name} node={master}"
            )
        needed = [master, *([ui.id] if ui else []), *(self.workers if mode == "fail" else ())]
        if lacking := [id_ for id_ in needed if id_ in self.absent]:
            why = self._why(lacking)
            if not {master, ui.id if ui else None} & set(lacking):
                theirs = "their" if lacking[1:] else "its"
                why += (
                    f" To continue with {theirs} data of the last generation: "
                    f"mip.consolidate missing_worker=keep."
                )
            raise NodesMissing(why, nodes=", ".join(lacking))
        return tuple(self.absent[id_] for id_ in self.workers if id_ in self.absent)

    def kept(self, mode: MissingWorker, previous: Previous | None) -> Manifest:
        """What the missing workers go on serving."""
        if mode != "keep" or previous is None:
            return {}
        return {id_: files for id_, files in previous.files.items() if id_ in self.absent}

    def _why(self, nodes: list[str]) -> str:
        alike: dict[tuple[str, str | None], list[str]] = {}
        for id_ in nodes:
            problem = self.absent[id_]
            alike.setdefault((problem.rule, problem.about), []).append(id_)
        return " ".join(
            f"{', '.join(ids)}: {RULES[rule].text}{f' ({about})' if about else ''}. "
            f"{hint(rule, ids[0] if len(ids) == 1 else None)}"
            for (rule, about), ids in alike.items()
        )
