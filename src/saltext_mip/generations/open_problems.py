"""Problems that the last gather found, where it made no new generation.

A file that was valid and is invalid now continues to be served as it was, and a new invalid one is
not served: the generation is kept, and the problems are recorded beside it, for the status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from saltext_mip.data.consolidation.manifest import Manifest, rekeyed
from saltext_mip.generations.generation import Generation
from saltext_mip.problems import Problem
from saltext_mip.storage.state import OPEN_PROBLEMS, StateBroken, read_state, write_state

#: A file: node, pathology, name.
Place = tuple[str, str, str]


def remember(
    state: Path,
    number: int,
    problems: Iterable[Problem],
    files: Manifest,
    refused: Mapping[Place, str],
    recorded: Manifest,
) -> None:
    """``number``: the current generation; ``files``: what is served, and what of it is kept.

    ``recorded``: the files as the generation has them. Where these have plain fingerprints, of an
    earlier version, those of now are remembered, so that the next change of a file is seen.

    ``refused``: files that cannot be used, and since when.
    """
    kept = [
        [node, pathology, file.name]
        for node, below in files.items()
        for pathology, served in below.items()
        for file in served
        if file.kept
    ]
    now = rekeyed(recorded, files)
    fingerprints = [
        [node, pathology, file.name, file.size, file.sha256]
        for node, below in now.items()
        for pathology, served in below.items()
        for file, before in zip(served, recorded[node][pathology], strict=True)
        if file != before
    ]
    value = {
        "generation": number,
        "fingerprints": fingerprints,
        "problems": [{**problem.wire(), "node": problem.node} for problem in problems],
        "kept": kept,
        "refused": [[*place, since] for place, since in sorted(refused.items())],
    }
    write_state(state / OPEN_PROBLEMS, value)


def refused(state: Path) -> dict[Place, str]:
    """The files that could not be used at the last gather of their node, and since when."""
    try:
        value = read_state(state / OPEN_PROBLEMS) or {}
        return {(node, name, file): since for node, name, file, since in value.get("refused", ())}
    except (StateBroken, AttributeError, TypeError, ValueError):  # of another version
        return {}


def known(state: Path, generation: Generation | None) -> Generation | None:
    """The generation with the problems that were recorded for it, if any."""
    try:
        value = read_state(state / OPEN_PROBLEMS)
        if generation is None or value is None or value["generation"] != generation.number:
            return generation
        kept = {tuple(each) for each in value["kept"]}
        problems = tuple(value["problems"])
        now = {
            (node, pathology, name): {"size": size, "sha256": sha256}
            for node, pathology, name, size, sha256 in value.get("fingerprints", ())
        }
    except (StateBroken, KeyError, TypeError, ValueError):  # the next gather rewrites it
        return generation
    files = {
        node: {
            pathology: tuple(
                replace(
                    file,
                    kept=(node, pathology, file.name) in kept,
                    **now.get((node, pathology, file.name), {}),
                )
                for file in served
            )
            for pathology, served in below.items()
        }
        for node, below in generation.files.items()
    }
    return replace(generation, problems=problems, files=files)
