"""What a file is that is not CSV, by its first bytes: workbooks, pages, archives, other formats."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EXPORT = "Open it in the program that wrote it and export it as CSV UTF-8, with commas."
_UNPACK = "Unpack it, and put the CSV file that is in it here."
_SHEET = "Open it in Excel and save it as 'CSV UTF-8 (comma delimited)'."
_CALC = (
    "Open it in LibreOffice and save it as 'Text CSV': character set UTF-8, field delimiter ','."
)


@dataclass(frozen=True)
class Kind:
    """``rule`` is the one that it breaks; ``name`` is what it is, in words that hold no value."""

    name: str
    advice: str
    rule: str = "NotCsv"


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("Excel workbook (.xls)", _SHEET)),
    (b"\x1f\x8b", Kind("gzip archive", _UNPACK)),
    (b"BZh", Kind("bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\x00", Kind("xz archive", _UNPACK)),
    (b"(\xb5/\xfd", Kind("zstd archive", _UNPACK)),
    (b"7z\xbc\xaf'\x1c", Kind("7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", Kind("RAR archive", _UNPACK)),
    (b"PAR1", Kind("Parquet file", _EXPORT)),
    (b"ARROW1", Kind("Arrow file", _EXPORT)),
    (b"SQLite format 3\x00", Kind("SQLite database", _EXPORT)),
    (b"\x00\x01\x00\x00Standard ", Kind("Access database", _EXPORT)),
    (b"$FL2", Kind("SPSS data file (.sav)", "Open it in SPSS and save it as CSV, with commas.")),
    (b"$FL3", Kind("SPSS data file (.zsav)", "Open it in SPSS and save it as CSV, with commas.")),
    (b"<stata_dta>", Kind("Stata data file", _EXPORT)),
    (b"HEADER RECORD*******LIBRARY", Kind("SAS transport file", _EXPORT)),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60", Kind("SAS data file", _EXPORT)),
    (b"RDX", Kind("R data file", _EXPORT)),
    (b"%PDF-", Kind("PDF document", "Export the data from its source as CSV UTF-8, with commas.")),
    (b"{\\rtf", Kind("rich text document", _EXPORT)),
    (b"\x89HDF", Kind("HDF5 file", _EXPORT)),
)
_LOCK = Kind(
    "lock file",
    "Close the file in the spreadsheet program. If this file is still here then, delete it.",
    rule="LockFile",
)
_HTML = re.compile(rb"\s*(?:<!doctype html|<html|<head|<body|<table|<meta)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml")
_JSON = re.compile(rb'\s*(?:\{\s*"|\{\s*\}|\[\s*[\[{\]"0-9-])')
# LibreOffice: ",user,host,28.11.2026 18:00,file:///home/user/.config/libreoffice/4;"
_OFFICE_LOCK = re.compile(rb"[^\n]{0,400},file:///[^\n]*;\s*\Z")


def kind_of(head: bytes, *, name: str = "") -> Kind | None:
    """What the file that begins with ``head`` is; ``None``: it can be CSV."""
    if name.startswith("~$") or _OFFICE_LOCK.match(head):
        return _LOCK
    if head.startswith(b"PK\x03\x04"):
        return _zip(head)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _XML.match(text):
        if b"schemas-microsoft-com:office:spreadsheet" in text[:2000]:
            return Kind("Excel XML workbook", _SHEET)
        if b"<html" in text[:2000].lower():
            return Kind("HTML page", _EXPORT)
        return Kind("XML document", _EXPORT)
    if _HTML.match(text):
        return Kind("HTML page", "Export the data from its source as CSV UTF-8, with commas.")
    if _JSON.match(text):
        return Kind("JSON document", _EXPORT)
    return None


def _zip(head: bytes) -> Kind:
    if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in head[:200]:
        return Kind("OpenDocument spreadsheet (.ods)", _CALC)
    if b"xl/" in head or b"[Content_Types].xml" in head[:200]:
        return Kind("Excel workbook (.xlsx)", _SHEET)
    return Kind("zip archive", _UNPACK)
