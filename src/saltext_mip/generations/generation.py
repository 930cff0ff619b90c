"""A generation: one committed consolidation, as it is recorded.

Its manifest answers 'what exactly was served on 12 March'; with the blobs of the store it can be
restored. ``labels`` are the pathology labels that an operator gave in a review: the next run begins
with the last generation's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from saltext_mip.data.consolidation.labels import Replaced
from saltext_mip.data.consolidation.manifest import Manifest, Previous, ServedFile
from saltext_mip.storage.state import decode_state

if TYPE_CHECKING:
    from saltext_mip.data.consolidation.planner import Plan, Write


@dataclass(frozen=True)
class Generation:
    """``when`` is ISO 8601 in UTC, ``files`` the manifest: node, pathology, its files.

    ``pathologies`` has for each its datasets' codes, and who has them; ``cdes`` and
    ``pathologies_json`` are SHA-256 of what was distributed; ``other_cdes`` those of pathologies
    without datasets, as they were. ``wrote`` is what was sent: (node, kind, pathology); ``pending``
    the nodes that had not got it when the record was written. ``replaced_labels`` are those that
    the pillar's labels replaced.
    """

    number: int
    when: str
    actor: str
    files: Manifest
    pathologies: Mapping[str, Mapping[str, tuple[str, ...]]]
    cdes: Mapping[str, str]
    pathologies_json: str
    structure: Any
    labels: Mapping[str, str] = field(default_factory=dict)
    workers: Mapping[str, Any] = field(default_factory=dict)
    wrote: tuple[tuple[str, str, str | None], ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()
    pending: tuple[str, ...] = ()
    note: str | None = None
    other_cdes: Mapping[str, str] = field(default_factory=dict)
    replaced_labels: Replaced = field(default_factory=dict)

    @classmethod
    def of_plan(
        cls, plan: Plan, *, number: int, when: str, actor: str, labels: Mapping[str, str]
    ) -> Generation:
        """What the plan makes, once it is committed."""
        return cls(
            number=number,
            when=when,
            actor=actor,
            files=plan.files,
            pathologies={
                pathology.name: {code: tuple(ids) for code, ids in pathology.datasets.items()}
                for pathology in plan.pathologies
            },
            cdes=dict(plan.cdes),
            pathologies_json=plan.pathologies_json,
            structure=plan.structure,
            labels=dict(labels),
            workers=plan.workers,
            wrote=wrote(plan.writes),
            problems=tuple({**problem.wire(), "node": problem.node} for problem in plan.problems),
            other_cdes=dict(plan.other_cdes),
            replaced_labels=plan.replaced_labels,
        )

    @property
    def blobs(self) -> frozenset[str]:
        """What the store must have for this generation to be put back."""
        cdes = (*self.cdes.values(), *self.other_cdes.values())
        return frozenset((*cdes, self.pathologies_json))

    def previous(self) -> Previous:
        """As the next plan wants to see it."""
        return Previous(
            number=self.number,
            files=self.files,
            pathologies=tuple(self.pathologies),
            cdes=self.cdes,
            labels=self.labels,
            replaced_labels=self.replaced_labels,
            pathologies_json=self.pathologies_json,
        )

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema": 1,
            "number": self.number,
            "when": self.when,
            "actor": self.actor,
            "note": self.note,
            "files": {
                node: {name: [_file_value(file) for file in files] for name, files in below.items()}
                for node, below in self.files.items()
            },
            "pathologies": {
                name: {code: list(ids) for code, ids in datasets.items()}
                for name, datasets in self.pathologies.items()
            },
            "cdes": dict(self.cdes),
            "other_cdes": dict(self.other_cdes),
            "pathologies_json": self.pathologies_json,
            "structure": self.structure,
            "labels": dict(self.labels),
            "replaced_labels": {
                name: {code: list(pair) for code, pair in of.items()}
                for name, of in self.replaced_labels.items()
            },
            "workers": dict(self.workers),
            "wrote": [list(item) for item in self.wrote],
            "problems": [dict(problem) for problem in self.problems],
            "pending": list(self.pending),
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Generation:
        """What :meth:`value` returned; ``ValueError`` if it is not that."""
        return decode_state(cls, value)


def wrote(writes: Iterable[Write]) -> tuple[tuple[str, str, str | None], ...]:
    """The writes of a plan as a generation remembers them."""
    return tuple((write.node, write.kind, write.pathology) for write in writes)


def _file_value(file: ServedFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "size": file.size,
        "sha256": file.sha256,
        "rows": file.rows,
        "datasets": [list(pair) for pair in file.datasets],
        "kept": file.kept,
    }
