"""What a name in a data path tells: copies, temporary files, data that is not a ``.csv``, folders
of the system.
"""

from __future__ import annotations

import re

CSV = ".csv"

_SYSTEM = frozenset(
    {"lost+found", "$recycle.bin", "recycler", "system volume information", "__macosx"}
    | {"#recycle", "#snapshot", "@eadir", "@recycle", "@recently-snapshot", "@tmp", "~snapshot"}
)
_COPIES = (
    (re.compile(r"~\$?.*|.*~"), "a temporary file of a program"),
    (
        re.compile(r"(?i).*conflict(?:ed)?\b.*"),
        "a conflict copy of a synchronised folder",
    ),
    (re.compile(r"(?i).* - (?:copy|kopie|copie|copia)(?: ?\(\d+\))?"), "a copy"),
    (re.compile(r"(?i)(?:copy|kopie|copie|copia) (?:of|von|de|di) .*"), "a copy"),
    (re.compile(r".*[^ ] ?\(\d+\)"), "a second download or copy"),
    (re.compile(r"(?i).*[._ -](?:bak|backup|old|orig|tmp)"), "a backup copy"),
)
_PARTIAL = (".filepart", ".part", ".partial", ".crdownload", ".download", ".tmp", ".swp")
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z")
_SHEETS = (
    ".xlsx",
    ".xls",
    ".xlsm",
    ".ods",
    ".numbers",
    ".tsv",
    ".tab",
    ".sav",
    ".dta",
    ".sas7bdat",
)


def is_system_folder(name: str) -> bool:
    """Whether it is a folder that a file system or a storage device keeps for itself."""
    return name.casefold() in _SYSTEM


def looks_like_copy(name: str) -> str | None:
    """What a CSV file's name looks like, if not like data."""
    stem = name.removesuffix(CSV)
    return next((what for pattern, what in _COPIES if pattern.fullmatch(stem)), None)


def why_ignored(name: str) -> str | None:
    """What to do with a file that is not read but probably holds data; ``None``: it does not."""
    lower = name.lower()
    if name.endswith(CSV) or name.startswith("."):
        return None
    if lower.endswith(CSV):
        return f"rename it to '{name[: -len(CSV)]}{CSV}'"
    if lower.endswith(_PARTIAL):
        return "wait until it is copied, or delete it"
    if lower.endswith((f"{CSV}.txt", f"{CSV}.csv.txt")):
        return f"rename it to '{name[: lower.index(CSV)]}{CSV}'"
    if lower.endswith(_PACKED):
        return "unpack it to a file whose name ends in '.csv'"
    if lower.endswith(_SHEETS):
        return "export it as CSV UTF-8, with commas, to a file whose name ends in '.csv'"
    return None
