"""The history of generations: list them, compare two, export the last one's data structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import convert

from saltext_mip.arguments import generation_number
from saltext_mip.data.cde import codebook as codebooks
from saltext_mip.data.cde.model import parse
from saltext_mip.errors import Misuse, Refused
from saltext_mip.generations import diff as difference
from saltext_mip.generations import listing
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.store import NoGeneration
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.events import listed_labels
from saltext_mip.pusher.gather import Gathered
from saltext_mip.pusher.survey import Options, survey
from saltext_mip.results import (
    CodebookResult,
    DiffResult,
    ExportedPathology,
    GenerationSummary,
    HistoryResult,
    ReportedChange,
)
from saltext_mip.text import shown

NOW = "now"


def export(pusher: Pusher) -> list[ExportedPathology]:
    """The data structure of the last generation."""
    return convert(last_generation(pusher).structure, list[ExportedPathology])


def codebook(pusher: Pusher, pathology: str, separator: str) -> CodebookResult:
    """The CDE of the last generation as tables for a spreadsheet."""
    generation = last_generation(pusher)
    if (sha256 := generation.cdes.get(pathology)) is None:
        known = ", ".join(map(shown, generation.cdes)) or "none"
        raise Misuse(f"Pathology '{shown(pathology)}' not found. There are: {known}.")
    cde = parse(pusher.store.blob(sha256), pathology=pathology)
    return CodebookResult(
        federation=pusher.federation.name,
        pathology=pathology,
        codebook=codebooks.codebook(cde, separator=separator),
        template=codebooks.template(cde),
    )


def history(pusher: Pusher, dataset: str | None, limit: int) -> HistoryResult:
    """Generations, the newest first; with ``dataset`` only those known to have changed it."""
    return listing.history(pusher.store, pusher.federation.name, dataset, limit)


def recent(pusher: Pusher, most: int) -> list[GenerationSummary]:
    """The last generations, the newest first; of a long history only these are read."""
    numbers = pusher.store.numbers()[-most - 1 :]
    loaded = []
    for number in numbers:
        with suppress(NoGeneration):  # removed meanwhile
            loaded.append(pusher.store.load(number))
    lines = [difference.summary(*pair) for pair in difference.with_previous(loaded)]
    return lines[::-1][:most]


def diff(pusher: Pusher, a: int | None, b: int | None) -> DiffResult:
    """Compare ``a`` with ``b``, ``a`` with the last generation, or the last with the nodes now."""
    old: Generation | None
    new: Generation | None
    differing: Sequence[tuple[str, str, str, str | None]] = ()
    contents: Mapping[str, bytes] = {}
    if a is None and b is not None:
        raise Misuse("b needs a: the generation to compare it with.")
    if a is None:
        found = survey(pusher, Options(missing_worker="keep"))
        old = found.last
        new, contents = found.generation(pusher) or old, found.plan.blobs
        names: tuple[Any, Any] = (found.number, NOW)
        differing = list(difference.on_nodes(old, *facts(pusher, found.gathered))) if old else []
    else:
        old = pusher.store.load(generation_number(a))
        new = last_generation(pusher) if b is None else pusher.store.load(generation_number(b))
        names = (old.number, new.number)
    changes = [
        *difference.compare(old, new),
        *_relabelled(pusher, old, new, contents),
        *(
            difference.Change("change" if theirs else "remove", ("nodes", node, file), ours, theirs)
            for node, file, ours, theirs in differing
        ),
    ]
    return DiffResult(
        federation=pusher.federation.name,
        a=names[0],
        b=names[1],
        same=not changes,
        changes=[
            ReportedChange(
                op=change.op,
                thing="/".join(change.field),
                field=list(change.field),
                old=change.old,
                new=change.new,
            )
            for change in changes
        ],
    )


def _relabelled(
    pusher: Pusher, old: Generation | None, new: Generation | None, contents: Mapping[str, bytes]
) -> Iterator[difference.Change]:
    """The labels that differ of what both list; the digests of files do not tell which."""
    if old is None or new is None or old.pathologies_json == new.pathologies_json:
        return
    then = listed_labels(pusher, old)
    for (name, code), label in sorted(listed_labels(pusher, new, contents).items()):
        if (before := then.get((name, code), label)) != label:
            field = ("labels", name, code) if code else ("labels", name)
            yield difference.Change("change", field, before, label)


def facts(
    pusher: Pusher, gathered: Gathered
) -> tuple[dict[str, dict[str, str | None]], str, dict[str, str | None]]:
    """What is on the nodes that answered, as ``generations.diff.on_nodes`` compares it."""
    cdes = {
        node: {record.name: record.cde for record in inventory.pathologies}
        for node, inventory in gathered.inventories.items()
    }
    ui = pusher.federation.ui
    there = ui is not None and ui.id not in gathered.disabled
    lists = {ui.id: gathered.ui_sha256} if ui is not None and there else {}
    return cdes, pusher.federation.master.id, lists


def last_generation(pusher: Pusher) -> Generation:
    """The last generation; :class:`Refused` if there is none yet."""
    last = pusher.store.last()
    if last is None:
        raise Refused(
            f"Federation '{pusher.federation.name}' was not consolidated yet: "
            f"run salt-run mip.consolidate federation={pusher.federation.name}."
        )
    return last
