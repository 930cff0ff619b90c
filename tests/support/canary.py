"""Every cell of the corpus of messy files, and where one of them stands in what leaves a node.

A cell that is also a name (of a column, of the CDE, of a dataset that is accepted) may leave. Whole
numbers of up to three digits are looked for in texts alone: as numbers they cannot be told from
counts and lines.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from saltext_mip.data.cde.model import Cde
from saltext_mip.rules import RULES
from tests.support.mess import COLUMNS, Mess

_TOKEN = re.compile(r"[^\s,;:'\"()\[\]{}|<>=/]+")
# what is no text of a person: digests, times, versions, how many names a text leaves out
_MADE = re.compile(
    r"[0-9a-f]{16,}|\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)?|\d+\.\d+\.\d+[\w.+]*|\band \d+ more\b"
)
_ROWS = 32  # more than a file of the corpus has; no value of a patient is such a number
_MORE = 3  # fields, at most, that a row of the corpus has more or less than the clean one


class Canary:
    """The cells of these files; ``cde`` is what they are checked against, ``accepted`` the codes
    of the datasets that are listed."""

    def __init__(self, corpus: Iterable[Mess], cde: Cde, accepted: Iterable[str]) -> None:
        names = {*COLUMNS, *accepted, *(code for code, _ in cde.datasets), *RULES}
        for variable in cde.variables:
            names |= {variable.code, variable.label, *_tokens(variable.label)}
            for code, label in variable.enumerations or ():
                names |= {code, label, f"{code} = {label}"}  # as a codebook has it
        said = " ".join(f"{rule.text} {rule.hint}" for rule in RULES.values())
        self._said = set(_tokens(said))
        numbers = {str(number) for number in range(_ROWS)}  # of rows, as some programs write them
        self.cells = {cell for mess in corpus for cell in _cells(mess)} - names - numbers - {""}

    @cached_property
    def words(self) -> frozenset[str]:
        """The cells that are one token, without those that a rule's own text has."""
        return frozenset(cell for cell in self.cells if _tokens(cell) == [cell]) - self._said

    @cached_property
    def phrases(self) -> list[str]:
        """The others: they are looked for as they stand."""
        return sorted(cell for cell in self.cells if _tokens(cell) != [cell] and len(cell) > 2)

    @cached_property
    def unlike_others(self) -> list[bytes]:
        """Those that nothing but a file of the corpus has: they can be looked for in any bytes."""
        return [
            cell.encode()
            for cell in sorted(self.cells)
            if len(cell) > 5 and not re.fullmatch(r"[\d.,+%-]+", cell) and cell not in self._said
        ]

    def found(self, value: Any) -> set[str]:
        """The cells that stand in a value of JSON, or in a text."""
        texts = [_MADE.sub(" ", text) for text in set(_leaves(value))]
        tokens = {token for text in texts for token in _tokens(text)}
        whole = "\n".join(texts)
        return (tokens & self.words) | {phrase for phrase in self.phrases if phrase in whole}


def _tokens(text: str) -> list[str]:
    return [token.rstrip(".") or token for token in _TOKEN.findall(text)]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, of in value.items():
            yield str(key)
            yield from _leaves(of)
    elif isinstance(value, list | tuple):
        for of in value:
            yield from _leaves(of)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > 999):
        yield repr(value)
    elif isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            yield value
        else:
            yield from _leaves(inner) if isinstance(inner, dict | list) else iter([value])


def _cells(mess: Mess) -> Iterator[str]:
    """Of the data that it was made of, and of the file as it is, by any separator."""
    for row in mess.clean[1:]:
        yield from row
    try:
        text = mess.content.decode(mess.encoding)
    except UnicodeDecodeError:
        return
    if "\0" in text:
        return
    for line in text.replace("\r", "\n").split("\n")[_headers(mess) :]:
        yield line.strip('"')
        for separator in ",;\t|":
            for row in csv.reader(io.StringIO(line), delimiter=separator):
                # with another separator than the file's a line falls into pieces that are no cells
                if abs(len(row) - len(COLUMNS)) <= _MORE:
                    yield from (cell.strip().strip('"') for cell in row)


def _headers(mess: Mess) -> int:
    """How many lines of the file name columns; those above and below hold what people wrote."""
    return 0 if mess.rule in ("NoHeader", "HeaderNotFirst") else 1
