"""What is allowed and probably not meant: codes that are used twice or appear the same.

The portal compares dataset codes in lower case, drops ASCII blanks, plus signs and brackets from a
user's roles, and splits lists of them at commas, in all pathologies at once: who may see the one
may then see the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from saltext_mip.data.cde.model import CdeFound
from saltext_mip.problems import Problem
from saltext_mip.text import appearance, distinct

#: Pathology to dataset code to the workers that have it.
Offered = Mapping[str, Mapping[str, tuple[str, ...]]]

_UNSEEN = re.compile(r"[\s+\[\]]", re.ASCII)


def duplicates(offered: Offered) -> Iterator[Problem]:
    """One dataset code on several workers: allowed, and a problem of no file."""
    for pathology, datasets in offered.items():
        for code, nodes in datasets.items():
            if len(nodes) > 1:
                about = f"'{code}' on {', '.join(nodes)}"
                yield Problem(
                    "DuplicateDataset", pathology=pathology, count=len(nodes), about=about
                )


def ambiguous(offered: Offered) -> Iterator[Problem]:
    """Codes that the portal cannot tell apart, and such as hold a comma."""
    alike: dict[str, dict[str, str]] = {}
    for pathology, datasets in offered.items():
        for code in datasets:
            if "," in code:
                about = f"'{code}' holds a comma"
                yield Problem("AmbiguousCode", pathology=pathology, about=about)
            alike.setdefault(_UNSEEN.sub("", appearance(code)), {}).setdefault(code, pathology)
    for codes in alike.values():
        if len(codes) > 1:
            where = set(codes.values())
            yield Problem(
                "AmbiguousCode",
                pathology=where.pop() if len(where) == 1 else None,
                count=len(codes),
                about=", ".join(
                    f"{code} of {pathology}"
                    for code, pathology in zip(distinct(*codes), codes.values(), strict=True)
                ),
            )


def alike_folders(names: Iterable[str]) -> Iterator[Problem]:
    """Pathologies' folders whose names a person cannot tell apart: in case, accents or format."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(appearance(name), []).append(name)
    for folders in alike.values():
        if len(folders) > 1:
            about = ", ".join(f"'{ascii(name)[1:-1]}'" for name in folders)
            yield Problem("PathologiesAlike", pathology=folders[0], count=len(folders), about=about)


def shared(offered: Offered) -> Iterator[Problem]:
    """One dataset code in several pathologies: one role, so who may see the one may see all."""
    pathologies: dict[str, list[str]] = {}
    for pathology, datasets in offered.items():
        for code in datasets:
            pathologies.setdefault(code, []).append(pathology)
    for code, names in pathologies.items():
        if len(names) > 1:
            about = f"'{code}' in {', '.join(names)}"
            yield Problem("SharedCode", pathology=names[0], count=len(names), about=about)


def suspects(offered: Offered, online: Mapping[str, CdeFound]) -> Iterator[Problem]:
    """What is allowed and probably not meant. ``online``: the CDEs, if the catalogue was asked."""
    for name in offered:
        if name in online and online[name].source == "master":
            yield Problem("CatalogueNone", pathology=name, about=online[name].about)
    yield from duplicates(offered)
    yield from ambiguous(offered)
    yield from shared(offered)
    yield from alike_folders(offered)
