"""How many datasets are listed: those beyond the limits of a node or a pathology are not.

What was listed before stays listed: new datasets take the room that is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from saltext_mip.data.consolidation.manifest import Manifest, Previous, ServedFile
from saltext_mip.data.limits import DATASETS_OF_NODE, DATASETS_OF_PATHOLOGY
from saltext_mip.problems import Problem

Place = tuple[str, str]  # node, pathology


def within(
    manifest: Manifest, workers: Iterable[str], previous: Previous | None
) -> tuple[Manifest, tuple[Problem, ...]]:
    """The manifest without datasets beyond the limits, and a problem for each node and pathology
    that has some; ``workers`` in their order."""
    count = sum(len(file.datasets) for _, file in _files(manifest))
    if count <= min(DATASETS_OF_NODE, DATASETS_OF_PATHOLOGY):
        return manifest, ()
    order = [node for node in workers if node in manifest]
    room = _Room()
    for node in order:  # all that were listed, before any that was not
        for pathology, files in sorted(manifest[node].items()):
            listed = {code for old in _before(previous, node, pathology) for code in _codes(old)}
            for file in files:
                for code in _codes(file):
                    if code in listed:
                        room.take(node, pathology, code)
    refused: dict[Place, set[str]] = {}
    why: dict[Place, Counter[str]] = {}
    for node in order:
        for pathology, files in sorted(manifest[node].items()):
            for file in files:
                for code in _codes(file):
                    full = room.take(node, pathology, code)
                    place = node, pathology
                    if full and code not in refused.setdefault(place, set()):
                        refused[place].add(code)
                        why.setdefault(place, Counter())[full] += 1
    kept = {
        node: {
            name: tuple(_without(file, refused.get((node, name), set())) for file in files)
            for name, files in own.items()
        }
        for node, own in manifest.items()
    }
    return kept, tuple(_problems(why))


class _Room:
    """What is listed so far."""

    def __init__(self) -> None:
        self._of_node: dict[str, set[tuple[str, str]]] = {}
        self._of_pathology: dict[str, set[str]] = {}

    def take(self, node: str, pathology: str, code: str) -> str | None:
        """List that dataset; or why there is no room for it."""
        own = self._of_node.setdefault(node, set())
        all_ = self._of_pathology.setdefault(pathology, set())
        if (pathology, code) in own:
            return None
        if len(own) >= DATASETS_OF_NODE:
            return f"the node has {DATASETS_OF_NODE:,} others"
        if code not in all_ and len(all_) >= DATASETS_OF_PATHOLOGY:
            return f"the pathology has {DATASETS_OF_PATHOLOGY:,} others"
        own.add((pathology, code))
        all_.add(code)
        return None


def _problems(why: dict[Place, Counter[str]]) -> Iterator[Problem]:
    for (node, pathology), reasons in why.items():
        for reason, count in reasons.items():
            about = f"not listed: {reason}"
            yield Problem(
                "TooManyDatasets", node=node, pathology=pathology, count=count, about=about
            )


def _before(previous: Previous | None, node: str, pathology: str) -> tuple[ServedFile, ...]:
    return previous.served(node, pathology) if previous else ()


def _files(manifest: Manifest) -> Iterator[tuple[str, ServedFile]]:
    for node, own in manifest.items():
        for files in own.values():
            for file in files:
                yield node, file


def _codes(file: ServedFile) -> Iterator[str]:
    return (code for code, _ in file.datasets)


def _without(file: ServedFile, refused: set[str]) -> ServedFile:
    if refused.isdisjoint(_codes(file)):
        return file
    return replace(file, datasets=tuple(pair for pair in file.datasets if pair[0] not in refused))
