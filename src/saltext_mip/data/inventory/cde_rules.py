"""The CDEs that the files of one folder are verified against, by the digest of their rules."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable

from saltext_mip.data.cde import model as cdes_
from saltext_mip.data.cde.model import Cde
from saltext_mip.data.csvfile.validator import parsed_cde
from saltext_mip.data.inventory.cache import InventoryCache
from saltext_mip.data.inventory.report import Counts
from saltext_mip.problems import Problem
from saltext_mip.text import shown

_ABOUT_CHARS = 500


class CdeRules:
    """The CDEs of one pathology by the digest of their rules, parsed only where it is needed."""

    def __init__(self, memory: InventoryCache, pathology: str, *, subjectcode: bool) -> None:
        self._memory = memory
        self._pathology = pathology
        self._subjectcode = subjectcode
        self._contents: dict[str, bytes] = {}
        self._parsed: dict[str, Cde] = {}

    def of(self, content: bytes) -> tuple[str | None, Problem | None]:
        """The digest of that CDE, or what is wrong with it."""
        key = f"{hashlib.sha256(content).hexdigest()} {self._subjectcode}"
        known = self._memory.cde(key)
        if known is None:
            known = self._judged(content)
            self._memory.keep_cde(key, *known)
        digest, wrong = known
        if digest is None:
            return None, Problem("CdeInvalid", about=wrong)
        self._contents[digest] = content
        return digest, None

    def to_come(self, cde: Cde) -> str:
        digest = cdes_.rules_digest(cde, subjectcode=self._subjectcode)
        self._parsed[digest] = cde
        return digest

    def has(self, digest: str) -> bool:
        return digest in self._parsed or digest in self._contents

    def codes(self, content: bytes | None, of_files: Iterable[Counts]) -> list[str]:
        """The CDE's datasets; [] where the files have no code that it lacks."""
        codes = {code for datasets in of_files for code, _ in datasets}
        if content is None or all(json.dumps(code).encode() in content for code in codes):
            return sorted(codes) if content is not None else []
        return self.datasets(content)

    def datasets(self, content: bytes | None) -> list[str]:
        """The codes that the CDE lists; [] without a CDE that can be used."""
        if content is None:
            return []
        try:
            parsed = cdes_.parse(content, pathology=self._pathology)
        except cdes_.CdeInvalid:
            return []
        return [code for code, _ in parsed.datasets]

    def cde(self, digest: str) -> Cde:
        if digest not in self._parsed:
            content = self._contents[digest]
            self._parsed[digest] = cdes_.parse(content, pathology=self._pathology)
        return self._parsed[digest]

    def _judged(self, content: bytes) -> tuple[str | None, str | None]:
        try:
            parsed = parsed_cde(content, self._pathology, subjectcode=self._subjectcode)
        except cdes_.CdeInvalid as error:
            return None, os_message(error)
        return self.to_come(parsed), None


def os_message(error: Exception) -> str:
    if isinstance(error, OSError):  # without the path that it may name
        return error.strerror or os.strerror(error.errno or 0)
    return shown(str(error), _ABOUT_CHARS - 1)
