"""``CDEsMetadata.json``: the variables of one pathology. Read it, check it, edit its datasets.

The tree stays the one that the file holds: the order of its keys and the keys that nobody here
knows survive an edit, and a file that needs none keeps its bytes. ``schemas/cde.json`` says what
a CDE looks like; :func:`parse` checks the same by hand, because a general validator takes seconds
for 5,000 variables, and what a schema cannot say: codes that occur twice, where ``dataset`` is.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from saltext_mip.data.cde import strict_json, structure
from saltext_mip.data.cde.structure import Mistake
from saltext_mip.errors import DataError
from saltext_mip.federation import CDE_FILE
from saltext_mip.problems import Problem

SqlType = Literal["text", "real", "int"]
Number = int | float

# Grows when the same file and CDE may have another outcome than before: what was verified by an
# earlier version is verified again, what was compiled is compiled again.
RULES_VERSION = 4
_RULING = ("min", "max", "minValue", "maxValue", "type")  # keys that values are judged by, too

MAX_VARIABLES = 2000  # columns of a table: SQLite, as it is built everywhere
DATASET = structure.DATASET

_MOST = 50  # mistakes of a CDE that are reported one by one

# A surrogate pair is two such escapes; only lower-case digits are known to be meant so.
_ESCAPE = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u[0-9a-f]{4}")
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


class CdeInvalid(DataError):
    """The CDE of '{pathology}' on {node} cannot be used: {file}, {where}: {message}. {hint}"""

    def __init__(self, message: str, /, *, mistakes: Sequence[Mistake] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        #: All that keep it from being used; the first is the one of the message.
        self.mistakes = tuple(mistakes) or (Mistake(facts["where"], message, facts["hint"]),)

    def __str__(self) -> str:
        more = len(self.mistakes) - 1
        return super().__str__() + (f" ({more} more mistakes)" if more else "")

    @classmethod
    def of(cls, mistakes: Sequence[Mistake], **facts: Any) -> CdeInvalid:
        """The error of these mistakes, one at least."""
        first = mistakes[0]
        return cls(first.message, where=first.where, hint=first.hint, mistakes=mistakes, **facts)

    def problems(self) -> tuple[Problem, ...]:
        """A problem for each mistake; of very many the first, and how many more there are."""
        found = [
            Problem("CdeInvalid", file=CDE_FILE, line=of.line, about=str(of))
            for of in self.mistakes[:_MOST]
        ]
        if rest := len(self.mistakes) - len(found):
            found.append(Problem("CdeInvalid", file=CDE_FILE, count=rest, about="more mistakes"))
        return tuple(found)


@dataclass(frozen=True)
class Variable:
    """One variable.

    ``enumerations`` are pairs of code and label, None where there are none. Bounds are the numbers
    under the keys ``min``, ``max``, ``minValue`` and ``maxValue``, also where they are written as
    strings; None where the key is missing or its value is no number. ``source`` is the variable as
    it stands in the tree.
    """

    code: str
    label: str
    sql_type: SqlType
    is_categorical: bool
    enumerations: tuple[tuple[str, str], ...] | None
    min: Number | None = None
    max: Number | None = None
    min_value: Number | None = None
    max_value: Number | None = None
    source: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def limits(self) -> tuple[Number | None, Number | None]:
        """The least and the greatest value that its bounds allow; none where they are crossed.

        Crossed bounds are one problem of the CDE, and none of each value.
        """
        low = max((each for each in (self.min, self.min_value) if each is not None), default=None)
        high = min((each for each in (self.max, self.max_value) if each is not None), default=None)
        return (None, None) if low is not None and high is not None and low > high else (low, high)


@dataclass(frozen=True)
class Cde:
    """A CDE that passed :func:`parse`. ``variables`` are in tree order: a group's own first.

    ``code`` and ``label`` are the root's, as they stand. Two are equal when their bytes are.
    """

    content: bytes
    pathology: str
    tree: Mapping[str, Any] = field(compare=False, repr=False)
    variables: tuple[Variable, ...] = field(compare=False, repr=False)
    code: str = field(compare=False)
    label: str = field(compare=False)
    longitudinal: bool = field(compare=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def datasets(self) -> tuple[tuple[str, str], ...]:
        """Code and label of each dataset of the enumeration, in its order."""
        return next(v for v in self.variables if v.code == DATASET).enumerations or ()


@dataclass(frozen=True)
class CdeFound:
    """The CDE that a pathology is to have before its datasets are edited.

    ``about`` says why it is not the catalogue's where that was asked for.
    """

    content: bytes = field(repr=False)
    source: Literal["master", "catalogue"] = "master"
    about: str | None = None


def parse(content: bytes, *, pathology: str, node: str | None = None) -> Cde:
    """Read a CDE.

    content
        the bytes of the file
    pathology
        the name of its folder
    node
        where it was found, for the error

    Raises :class:`CdeInvalid` with the node, the file, the line (of a JSON error) or the place in
    the tree, what is wrong there and what to do.
    """
    facts: dict[str, Any] = {
        "pathology": pathology,
        "node": node or "this node",
        "file": f"{pathology}/{CDE_FILE}",
    }
    try:
        tree = strict_json.loads(content)
    except strict_json.NotJson as error:
        found = [Mistake(of.where, of.message, of.hint, of.line) for of in error.mistakes]
        raise CdeInvalid.of(found, **facts) from None
    tree = _repaired(tree)
    leaves, mistakes = structure.examine(tree)
    if mistakes:
        raise CdeInvalid.of(mistakes, **facts)
    variables = tuple(map(_variable, leaves))
    return Cde(
        content=content,
        pathology=pathology,
        tree=tree,
        variables=variables,
        code=tree["code"],
        label=tree["label"],
        longitudinal=tree.get("longitudinal", False),
    )


def edit(cde: Cde, codes: Sequence[str], labels: Mapping[str, str] | None = None) -> Cde:
    """The CDE whose ``dataset`` enumeration lists exactly ``codes``; ``cde`` itself if it does.

    Entries that stay keep place, label and unknown keys; new ones come at the end in the order of
    ``codes``, their code in capitals as the label. ``labels`` (code to label) goes before both.
    """
    labels = labels or {}
    wanted = dict.fromkeys(codes)
    index = next(i for i, v in enumerate(cde.tree["variables"]) if v["code"] == DATASET)
    old = cde.tree["variables"][index]
    kept: dict[str, dict[str, Any]] = {}
    for entry in old.get("enumerations") or ():
        code = as_text(entry["code"])
        if code in wanted and code not in kept:
            kept[code] = {**entry, "label": labels.get(code, entry["label"])}
    added = [
        {"code": code, "label": labels.get(code, code.upper())}
        for code in wanted
        if code not in kept
    ]
    enumerations = [*kept.values(), *added]
    if enumerations == old.get("enumerations"):
        return cde
    new = {**old, "enumerations": enumerations}
    own = list(cde.tree["variables"])
    own[index] = new
    tree = {**cde.tree, "variables": own}
    variables = tuple(_variable(new) if v.code == DATASET else v for v in cde.variables)
    return replace(cde, content=render(tree), tree=tree, variables=variables)


def written(cde: Cde) -> Cde:
    """The same tree in our way of writing, its escapes repaired: for a CDE that is new here."""
    return replace(cde, content=render(cde.tree))


def render(value: Any) -> bytes:
    """JSON as it is written here: two spaces, characters as themselves, a newline at the end."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def rules_digest(cde: Cde, *, subjectcode: bool) -> str:
    """A digest of all that the judgement of a file can depend on.

    That is types, enumerations and bounds, and how they are applied; not labels, and not which
    datasets there are, so that a consolidation alone never asks for files to be read again.
    """
    facts = [
        RULES_VERSION,
        subjectcode,
        cde.longitudinal,
        [_rules(variable) for variable in cde.variables],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def changed_rules(old: Cde, new: Cde) -> tuple[str, ...]:
    """The codes of the variables whose values ``new`` judges otherwise than ``old`` does."""
    before = {variable.code: _rules(variable) for variable in old.variables}
    return tuple(
        variable.code for variable in new.variables if before.get(variable.code) != _rules(variable)
    )


def _rules(variable: Variable) -> list[Any]:
    """What values of the variable are judged by."""
    return [
        variable.code,
        variable.sql_type,
        variable.is_categorical,
        None
        if variable.code == DATASET or variable.enumerations is None
        else [code for code, _ in variable.enumerations],
        [variable.source.get(key) for key in ("min", "max", "minValue", "maxValue", "type")],
    ]


def _repaired(value: Any) -> Any:
    """The value with escapes that were escaped once too often as what they mean, in place.

    What would become a control character or half of one stays as it is: nobody means that.
    """
    if isinstance(value, str):
        return _ESCAPE.sub(_character, value) if "\\u" in value else value
    if isinstance(value, dict):
        for key, below in value.items():
            value[key] = _repaired(below)
    elif isinstance(value, list):
        value[:] = [_repaired(below) for below in value]
    return value


def _character(escape: re.Match[str]) -> str:
    units = [int(digits, 16) for digits in escape.group().split("\\u")[1:]]
    if len(units) == 2:
        return chr(0x10000 + ((units[0] - 0xD800) << 10) + (units[1] - 0xDC00))
    char = chr(units[0])
    return escape.group() if 0xD800 <= units[0] <= 0xDFFF or structure.CONTROL.match(char) else char


def _variable(source: dict[str, Any]) -> Variable:
    entries = source.get("enumerations")
    return Variable(
        code=source["code"],
        label=source["label"],
        sql_type=cast("SqlType", source["sql_type"].lower()),
        is_categorical=source["isCategorical"],
        enumerations=None
        if entries is None
        else tuple((as_text(e["code"]), as_text(e["label"])) for e in entries),
        min=_number(source.get("min")),
        max=_number(source.get("max")),
        min_value=_number(source.get("minValue")),
        max_value=_number(source.get("maxValue")),
        source=source,
    )


def as_text(value: str | Number) -> str:
    """A code or label of an enumeration: a JSON number means its text."""
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: Any) -> Number | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if not isinstance(value, str):
        return value
    if _WHOLE.fullmatch(value) and len(value) < 100:
        return int(value)
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
