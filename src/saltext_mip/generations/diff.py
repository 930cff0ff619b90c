"""What differs between two generations, as tuples; and a generation as one line of history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from msgspec import UNSET

from saltext_mip.data.consolidation.manifest import rekeyed
from saltext_mip.federation import CDE_FILE
from saltext_mip.generations.generation import Generation
from saltext_mip.results import GenerationSummary


class Change(NamedTuple):
    """``field`` is a path such as ``("pathologies", "dementia", "edsd")``.

    ``old`` is None where something was added, ``new`` where it was removed.
    """

    op: Literal["add", "change", "remove"]
    field: tuple[str, ...]
    old: Any
    new: Any


def compare(old: Generation | None, new: Generation | None) -> tuple[Change, ...]:
    """What ``new`` has that ``old`` had not, and the other way round; in the order of paths.

    A generation of a plan that is not committed will do (``Generation.of_plan``).
    """
    if old is not None and new is not None:
        old = replace(old, files=rekeyed(old.files, new.files))
    return tuple(_changes((), _view(old), _view(new)))


def with_previous(
    generations: Iterable[Generation],
) -> Iterator[tuple[Generation, Generation | None]]:
    """Each generation, in the order of numbers, with the one before it; None if that is removed."""
    before: Generation | None = None
    for generation in generations:
        known = before is not None and before.number == generation.number - 1
        yield generation, before if known else None
        before = generation


def summary(generation: Generation, before: Generation | None) -> GenerationSummary:
    """A generation for ``history``: what it brought and took, as (pathology, dataset) pairs.

    Without the generation ``before`` it, that is not known, but of the first one.
    """
    known = before is not None or generation.number == 1
    have = _datasets(generation)
    had = _datasets(before) if known else have
    return GenerationSummary(
        generation=generation.number,
        when=generation.when,
        actor=generation.actor,
        note=generation.note,
        added=[list(pair) for pair in sorted(have - had)],
        removed=[list(pair) for pair in sorted(had - have)],
        before_removed=UNSET if known else True,
        wrote=sorted({node for node, _, _ in generation.wrote}),
        pending=list(generation.pending),
        problems=len(generation.problems),
    )


def on_nodes(
    generation: Generation,
    cdes: Mapping[str, Mapping[str, str | None]],
    master: str,
    ui: Mapping[str, str | None],
) -> Iterator[tuple[str, str, str, str | None]]:
    """The CDEs and lists on nodes that are not the generation's: node, file, its SHA-256, theirs.

    ``cdes`` has for each node the CDE of each pathology whose folder it has, ``ui`` the digest of
    ``pathologies.json`` on the ui. The master has the CDE of every pathology that is listed.
    """
    recorded = {**generation.other_cdes, **generation.cdes}
    for node, have in cdes.items():
        for name, sha256 in sorted(recorded.items()):
            listed = name in generation.cdes
            wanted = name in have if node != master or not listed else True
            if not listed and node != master and have.get(name) is None:
                continue  # a CDE goes to a worker that has files of the pathology
            if wanted and have.get(name) != sha256:
                yield node, f"{name}/{CDE_FILE}", sha256, have.get(name)
    for node, found in ui.items():
        if found != generation.pathologies_json:
            yield node, "pathologies.json", generation.pathologies_json, found


def _datasets(generation: Generation | None) -> set[tuple[str, str]]:
    if generation is None:
        return set()
    return {(name, code) for name, codes in generation.pathologies.items() for code in codes}


def _view(generation: Generation | None) -> dict[str, Any]:
    """What is compared: what people and engines get, not when and by whom."""
    if generation is None:
        return {}
    value = generation.value()
    value["files"] = {
        node: {
            name: {
                file["name"]: {
                    **{key: file[key] for key in ("size", "sha256", "rows", "kept")},
                    "datasets": dict(file["datasets"]),
                }
                for file in files
            }
            for name, files in below.items()
        }
        for node, below in value["files"].items()
    }
    compared = ("pathologies", "cdes", "pathologies_json", "files")
    return {key: value[key] for key in compared}


def _changes(path: tuple[str, ...], old: Any, new: Any) -> Iterator[Change]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        if old != new:
            yield Change("change", path, old, new)
        return
    for key in sorted({*old, *new}):
        here = (*path, key)
        if key not in new:
            yield from _leaves("remove", here, old[key])
        elif key not in old:
            yield from _leaves("add", here, new[key])
        else:
            yield from _changes(here, old[key], new[key])


def _leaves(op: Literal["add", "remove"], path: tuple[str, ...], value: Any) -> Iterator[Change]:
    """Down to what has a name of its own: a dataset, a CDE, a file."""
    depth = 4 if path[0] == "files" else 3
    if isinstance(value, Mapping) and len(path) < depth:
        for key in sorted(value):
            yield from _leaves(op, (*path, key), value[key])
    elif op == "add":
        yield Change("add", path, None, value)
    else:
        yield Change("remove", path, value, None)
