"""Which files the federation serves: the good ones, and what was good at the last collection.

The unit is the file. One that was served and is bad now stays in the manifest with the record it
had, because its node keeps what it compiled of it; one that is gone leaves. A manifest is what a
generation stands on, so that 'what exactly was served then' has an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from saltext_mip.data.inventory.fingerprints import comparable, rounded
from saltext_mip.data.inventory.model import (
    Count,
    FileRecord,
    Inventory,
    PathologyRecord,
    Size,
)
from saltext_mip.problems import Problem


@dataclass(frozen=True)
class ServedFile:
    """One CSV file as it is served. ``datasets`` are code and rows in the order of appearance.

    ``sha256`` and ``size`` are those of :class:`FileRecord`.
    ``kept``: it is bad now and this is how it was. What is served is the same either way, so
    that does not make two records differ.
    """

    name: str
    size: Size
    sha256: str
    rows: Count
    datasets: tuple[tuple[str, Count], ...]
    kept: bool = field(default=False, compare=False)


#: Node id to pathology to its files by name.
Manifest = Mapping[str, Mapping[str, tuple[ServedFile, ...]]]
#: Node id to pathology to names of files.
FileNames = Mapping[str, Mapping[str, Collection[str]]]


def rekeyed(manifest: Manifest, other: Manifest) -> Manifest:
    """The manifest with the fingerprints of ``other`` where its own cannot be compared with them.

    Those of an earlier version are plain, those of today have the node's key: that they differ is
    no change of a file, as long as nothing else of it does.
    """
    return {
        node: {
            name: tuple(_rekeyed(file, other.get(node, {}).get(name, ())) for file in files)
            for name, files in below.items()
        }
        for node, below in manifest.items()
    }


def _rekeyed(file: ServedFile, others: Iterable[ServedFile]) -> ServedFile:
    for other in others:
        if other.name == file.name and not comparable(file.sha256, other.sha256):
            alike = replace(other, size=file.size, sha256=file.sha256) == file
            if alike and _order(other.size) == _order(file.size):
                return replace(file, size=other.size, sha256=other.sha256)
    return file


def _order(size: Size) -> str:
    return rounded(size) if isinstance(size, int) else size


@dataclass(frozen=True)
class Previous:
    """The last generation, as far as the next one depends on it.

    ``pathologies`` are those that were listed, ``cdes`` the SHA-256 of their CDEs,
    ``pathologies_json`` that of the list; ``replaced_labels`` are those that the pillar's replaced.
    """

    number: int
    files: Manifest
    pathologies: tuple[str, ...]
    cdes: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    replaced_labels: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    pathologies_json: str = ""

    def served(self, node: str, pathology: str) -> tuple[ServedFile, ...]:
        return self.files.get(node, {}).get(pathology, ())


def owners(
    manifest: Manifest, workers: Iterable[str], pathology: str
) -> dict[str, tuple[str, ...]]:
    """Each dataset of a pathology and the workers that have it, both in the order to be shown.

    Datasets: files by name (code points), then workers as given, then first appearance.
    """
    order = list(workers)
    files = [
        (file.name, index, file)
        for index, node in enumerate(order)
        for file in manifest.get(node, {}).get(pathology, ())
    ]
    found: dict[str, set[str]] = {}
    for _, index, file in sorted(files, key=lambda item: item[:2]):
        for code, _ in file.datasets:
            found.setdefault(code, set()).add(order[index])
    return {code: tuple(node for node in order if node in nodes) for code, nodes in found.items()}


def with_held(found: Manifest, before: Manifest, held: FileNames) -> Manifest:
    """``found`` with these files as they were ``before``; those that were not there are left out.

    Of a node that is not in ``found``, these files alone.
    """
    out = {node: dict(own) for node, own in found.items()}
    for node, of in held.items():
        own = out.setdefault(node, {})
        for pathology, names in of.items():
            files = {file.name: file for file in own.get(pathology, ()) if file.name not in names}
            for file in before.get(node, {}).get(pathology, ()):
                if file.name in names:
                    files[file.name] = replace(file, kept=True)
            own[pathology] = tuple(files[name] for name in sorted(files))
    return out


def of_held(held: FileNames) -> Iterator[Problem]:
    """A problem for each file whose change is held."""
    for node, of in sorted(held.items()):
        for pathology, names in sorted(of.items()):
            for name in sorted(names):
                yield Problem("ChangeHeld", node=node, pathology=pathology, file=name)


def only(manifest: Manifest, pathologies: Iterable[str]) -> Manifest:
    """The manifest of these pathologies, nodes that have nothing of them left out."""
    names = tuple(pathologies)
    return {
        node: own
        for node, files in manifest.items()
        if (own := {name: files[name] for name in sorted(names) if files.get(name)})
    }


def judge(
    inventory: Inventory, pathology: str, digest: str | None, before: tuple[ServedFile, ...]
) -> tuple[tuple[ServedFile, ...], tuple[Problem, ...]]:
    """The files of a pathology that a node serves, and the problems of all of them.

    ``digest`` is that of the rules of the CDE to come, None where there is no CDE and the files are
    checked for their form alone; ``before`` is what the node served until now.
    """
    record = record_of(inventory, pathology)
    known = {file.name: file for file in before}
    served: dict[str, ServedFile] = {}
    problems: list[Problem] = []
    for file in record.files if record else ():
        found = verdict(file, digest)
        if not any(problem.hard for problem in found):
            served[file.name] = ServedFile(
                file.name, file.size, file.sha256, file.rows, tuple(file.datasets)
            )
        elif file.name in known and not _is_repeated(file, known[file.name], found):
            served[file.name] = replace(known[file.name], kept=True)
            problems.append(Problem("KeptAsItWas", file=file.name))
        problems += [problem.at(file=file.name) for problem in found]
    for name in sorted(known.keys() & set(_unseen(inventory, record, pathology, known))):
        if name not in served:
            served[name] = replace(known[name], kept=True)
            problems.append(Problem("KeptAsItWas", file=name))
    problems = [problem.at(node=inventory.node, pathology=pathology) for problem in problems]
    return tuple(served[name] for name in sorted(served)), tuple(problems)


def _is_repeated(file: FileRecord, before: ServedFile, found: Iterable[Problem]) -> bool:
    """Whether what was served of it are the very rows that another file has, too."""
    repeated = any(problem.rule == "DuplicateFile" for problem in found)
    return repeated and file.sha256 == before.sha256


def verdict(file: FileRecord, digest: str | None) -> tuple[Problem, ...]:
    """All problems of a file: its form, and what it was found to be against those rules.

    A file without a verdict is one that changed between collection and verification.
    """
    if digest is None or not file.sound:
        return tuple(file.problems)
    return (*file.problems, *file.verified.get(digest, (Problem("FileChanging"),)))


def record_of(inventory: Inventory, pathology: str) -> PathologyRecord | None:
    return next((record for record in inventory.pathologies if record.name == pathology), None)


def of_folders(inventory: Inventory) -> Iterator[Problem]:
    """The problems of a node that are of no file that it lists, each with its place."""
    for problem in inventory.problems:
        yield problem.at(node=inventory.node)
    for record in inventory.pathologies:
        for problem in record.problems:
            yield problem.at(node=inventory.node, pathology=record.name)


def _unseen(
    inventory: Inventory,
    record: PathologyRecord | None,
    pathology: str,
    known: Iterable[str],
) -> Iterable[str]:
    """Files that are there, or may be, and could not be read: of them nothing is new.

    That is one that cannot be followed, all of a folder that cannot be read, or all of a node.
    """
    of_node = [problem for problem in inventory.problems if problem.hard and not problem.file]
    of_folder = [problem for problem in record.problems if problem.hard] if record else []
    if (
        any(problem.pathology == pathology for problem in of_node)
        or any(problem.rule == "Unreadable" and not problem.pathology for problem in of_node)
        or (record is not None and record.unknown is not None)
    ):
        return known
    return [problem.file for problem in of_folder if problem.file]
