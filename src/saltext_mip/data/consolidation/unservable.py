"""Names that the engine or the portal cannot serve: reported, and not listed.

Which these are, the engine knows: a :data:`Dropped` function tells the characters of a name that it
drops before it looks for it. A dataset or pathology of such a name 'does not exist' to researchers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from saltext_mip.data.cde.model import Cde
from saltext_mip.data.consolidation.manifest import Manifest, ServedFile
from saltext_mip.problems import Problem
from saltext_mip.text import shown

Kind = Literal["pathology", "dataset", "variable"]
#: The characters of a name that keep it from being served; empty: none.
Dropped = Callable[[Kind, str], str]


def nothing(_kind: Kind, _name: str) -> str:
    """For an engine that serves any name."""
    return ""


def without(manifest: Manifest, dropped: Dropped) -> Manifest:
    """The manifest without pathologies and datasets that cannot be served."""
    return {
        node: {
            name: tuple(_without(file, dropped) for file in files)
            for name, files in own.items()
            if not dropped("pathology", name)
        }
        for node, own in manifest.items()
    }


def _without(file: ServedFile, dropped: Dropped) -> ServedFile:
    datasets = tuple(pair for pair in file.datasets if not dropped("dataset", pair[0]))
    return file if datasets == file.datasets else replace(file, datasets=datasets)


def of_manifest(manifest: Manifest, dropped: Dropped) -> Iterator[Problem]:
    """Each such pathology and dataset once."""
    pathologies: dict[str, dict[str, None]] = {}
    for own in manifest.values():
        for name, files in own.items():
            codes = pathologies.setdefault(name, {}) if files else {}
            codes.update((code, None) for file in files for code, _ in file.datasets)
    for name, codes in sorted(pathologies.items()):
        if found := dropped("pathology", name):
            yield Problem("NotServable", pathology=name, about=_about("pathology", name, found))
            continue
        for code in codes:
            if found := dropped("dataset", code):
                about = _about("dataset", code, found)
                yield Problem("NotServable", pathology=name, about=about)


def of_cdes(cdes: Mapping[str, Cde], names: Iterable[str], dropped: Dropped) -> Iterator[Problem]:
    """Each variable of these pathologies that cannot be served."""
    for name in names:
        for code in hidden(cdes[name], dropped):
            about = _about("variable", code, dropped("variable", code))
            yield Problem("NotServable", pathology=name, column=code, about=about)


def hidden(cde: Cde, dropped: Dropped) -> frozenset[str]:
    """The codes of the variables that cannot be served."""
    return frozenset(each.code for each in cde.variables if dropped("variable", each.code))


def _about(kind: Kind, name: str, dropped: str) -> str:
    characters = ", ".join(
        f"U+{ord(char):04X}" if char.isspace() or not char.isprintable() else f"{char!r}"
        for char in dropped
    )
    return f"{kind} '{shown(name)}': the engine or the portal drops {characters}"
