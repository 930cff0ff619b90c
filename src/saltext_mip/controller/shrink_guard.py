"""The shrink guard: which changes of the data an automatic refresh may not make without approval.

Absence is suspicious: a disk that is not mounted, a folder that was moved and a mistake in the
pillar all look like removed data. Datasets of a node that an operator disabled are not guarded: the
operator decided that already. Nothing may count patients twice automatically, either. A change that
is held is not made, and everything else is: :func:`held_files` are the files that remain as they
were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from saltext_mip.data.consolidation.manifest import FileNames, Manifest, ServedFile


class Key(NamedTuple):
    """What is held: a dataset of a node, or, where ``dataset`` is empty, a file of it."""

    node: str
    pathology: str
    dataset: str
    file: str = ""


@dataclass(frozen=True)
class Change:
    """A change that needs approval, and why.

    ``files`` are names and SHA-256: of a removal, those that have the dataset until now; of a file
    that counts patients twice, that file as it is now.
    """

    key: Key
    files: tuple[tuple[str, str], ...]
    why: str

    @property
    def id(self) -> str:
        """The same for the same change: a decision is about this and nothing else."""
        facts = json.dumps([self.key, self.files])
        return hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Known:
    """What is known of changes that were held before.

    ``held`` are these, with the reason; ``decided`` those of them on which an operator decided.
    ``away`` are nodes that did not tell what they have now: what was held there remains held.
    """

    held: Mapping[Key, str]
    decided: Collection[Key] = ()
    away: Collection[str] = ()


NOTHING_HELD = Known({})

Owners = dict[str, dict[str, dict[str, None]]]  # pathology, dataset, the nodes that have it


def guarded(
    before: Manifest,
    after: Manifest,
    *,
    disabled: Collection[str],
    max_removed: int,
    repeated: Collection[Key] = (),
    known: Known = NOTHING_HELD,
) -> tuple[Change, ...]:
    """The changes from ``before`` to ``after`` that may not be made automatically.

    ``repeated``: files that have rows or visits of another one, and did not have them before.
    """
    before = {node: of for node, of in before.items() if node not in disabled}
    changes = [*_removals(before, after, max_removed, known)]
    for key in repeated:
        now = _record(after, key)
        was = _record(before, key)
        if now is not None and now != was and key.node not in disabled:
            why = f"patients counted twice: {key.node}: {key.pathology}/{key.file}"
            changes.append(Change(key, ((now.name, now.sha256),), why))
    return tuple(changes)


def _removals(
    before: Manifest, after: Manifest, max_removed: int, known: Known
) -> Iterator[Change]:
    was, now = _owners(before), _owners(after)
    gone = [
        (pathology, code)
        for pathology, codes in was.items()
        for code in codes
        if code not in now.get(pathology, {})
    ]
    decided = {(key.pathology, key.dataset) for key in known.decided}
    undecided = [each for each in gone if each not in decided]
    left = {node for codes in now.values() for nodes in codes.values() for node in nodes}
    for pathology, codes in was.items():
        for code, nodes in codes.items():
            for node in nodes:
                key = Key(node, pathology, code)
                lost = node not in now.get(pathology, {}).get(code, {})
                why = []
                if pathology not in now:
                    why.append(f"the whole pathology '{pathology}'")
                if lost and node not in left:
                    why.append(f"the last dataset of {node}")
                if (pathology, code) in gone and len(undecided) > max_removed:
                    why.append(
                        f"{len(undecided)} datasets; the limit is {max_removed} "
                        "(reactor: max_removed)"
                    )
                if key in known.held and (lost or _is_unknown(after, key, known)):
                    why = why or [known.held[key]]
                elif not lost:
                    continue
                if why:
                    files = tuple(
                        (file.name, file.sha256)
                        for file in before[node][pathology]
                        if _has(file, code)
                    )
                    yield Change(key, files, "; ".join(why))


def _is_unknown(after: Manifest, key: Key, known: Known) -> bool:
    """Whether nobody knows if the dataset is back: it is listed as it was."""
    files = after.get(key.node, {}).get(key.pathology, ())
    return key.node in known.away or all(file.kept for file in files if _has(file, key.dataset))


def held_files(before: Manifest, after: Manifest, held: Iterable[Change]) -> FileNames:
    """The files that remain as they were ``before``, so that none of these changes is made.

    With a file of a dataset that remains, so does each changed file of its node that could have
    received the same rows; and what another node offers of that dataset for the first time waits:
    they may be the same patients.
    """
    out: dict[str, dict[str, set[str]]] = {}
    codes: dict[tuple[str, str], set[str]] = {}
    was = _owners(before)
    for change in held:
        key = change.key
        if key.file:
            out.setdefault(key.node, {}).setdefault(key.pathology, set()).add(key.file)
            continue
        codes.setdefault((key.node, key.pathology), set()).add(key.dataset)
        for node, of in after.items():
            owners = was.get(key.pathology, {}).get(key.dataset, {})
            for file in of.get(key.pathology, ()) if node not in owners else ():
                if _has(file, key.dataset):
                    codes.setdefault((node, key.pathology), set()).add(key.dataset)
    for (node, pathology), active in codes.items():
        names = _changed_with(
            {file.name: file for file in before.get(node, {}).get(pathology, ())},
            {file.name: file for file in after.get(node, {}).get(pathology, ())},
            active,
        )
        if names:
            out.setdefault(node, {}).setdefault(pathology, set()).update(names)
    return {
        node: {pathology: tuple(sorted(names)) for pathology, names in of.items()}
        for node, of in out.items()
    }


def _changed_with(
    before: Mapping[str, ServedFile], after: Mapping[str, ServedFile], codes: set[str]
) -> set[str]:
    """The changed files that have one of the datasets, or one of a file that is found so."""
    names: set[str] = set()
    changed = {
        name: {code for of in (before, after) if name in of for code in _codes(of[name])}
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
    while more := [name for name in changed.keys() - names if changed[name] & codes]:
        names.update(more)
        for name in more:
            codes |= changed[name]
    return names


def _owners(files: Manifest) -> Owners:
    out: Owners = {}
    for node, of in files.items():
        for pathology, served in of.items():
            for file in served:
                for code in _codes(file):
                    out.setdefault(pathology, {}).setdefault(code, {})[node] = None
    return out


def _record(files: Manifest, key: Key) -> ServedFile | None:
    served = files.get(key.node, {}).get(key.pathology, ())
    return next((file for file in served if file.name == key.file), None)


def _codes(file: ServedFile) -> tuple[str, ...]:
    return tuple(code for code, _ in file.datasets)


def _has(file: ServedFile, code: str) -> bool:
    return code in _codes(file)
