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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from saltext_mip.data.cde import strict_json
from saltext_mip.errors import DataError
from saltext_mip.federation import CDE_FILE

SqlType = Literal["text", "real", "int"]
Number = int | float
Steps = tuple[str | int, ...]

# Grows when the same file and CDE may have another outcome than before: what was verified by an
# earlier version is verified again, what was compiled is compiled again.
RULES_VERSION = 2
_RULING = ("min", "max", "minValue", "maxValue", "type")  # keys that values are judged by, too

SQL_TYPES = ("text", "real", "int")
DATASET = "dataset"

# A surrogate pair is two such escapes; only lower-case digits are known to be meant so.
_ESCAPE = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u[0-9a-f]{4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


class CdeInvalid(DataError):
    """The CDE of '{pathology}' on {node} cannot be used: {file}, {where}: {message}. {hint}"""


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


class _Invalid(Exception):
    """Something in the tree that is not as it should be."""

    def __init__(self, path: Steps, message: str, hint: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint


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
    facts = {
        "pathology": pathology,
        "node": node or "this node",
        "file": f"{pathology}/{CDE_FILE}",
    }
    try:
        tree = strict_json.loads(content)
    except strict_json.NotJson as error:
        where = "the whole file" if error.line is None else f"line {error.line}"
        hint = "Write the file again as UTF-8 JSON."
        raise CdeInvalid(error.message, where=where, hint=hint, **facts) from None
    tree = _repaired(tree)
    try:
        variables = _variables(tree)
    except _Invalid as wrong:
        where = place(tree, wrong.path)
        raise CdeInvalid(wrong.message, where=where, hint=wrong.hint, **facts) from None
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
        code = entry["code"]
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
        [
            [
                variable.code,
                variable.sql_type,
                variable.is_categorical,
                None
                if variable.code == DATASET or variable.enumerations is None
                else [code for code, _ in variable.enumerations],
                [
                    variable.source.get(key)
                    for key in ("min", "max", "minValue", "maxValue", "type")
                ],
            ]
            for variable in cde.variables
        ],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def place(tree: Any, path: Steps) -> str:
    """A place in the tree for people: ``groups[1].variables[0] ('mmse')``."""
    if not path:
        return "at the root"
    text = ""
    code = None
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
        tree = tree[part]
        if isinstance(tree, dict) and isinstance(tree.get("code"), str):
            code = tree["code"]
    return f"at {text[1:]}" + (f" ({code!r})" if code else "")


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
    return escape.group() if 0xD800 <= units[0] <= 0xDFFF or _CONTROL.match(char) else char


def _variables(tree: Any) -> tuple[Variable, ...]:
    """The variables in tree order, everything checked; :class:`_Invalid`."""
    found: dict[str, Steps] = {}
    made = []
    for path, source in _leaves(tree):
        code = source["code"]
        if (first := found.setdefault(_column(code), path)) is not path:
            message = f"its code is that of {place(tree, first)} already"
            hint = "A code names one variable (capitals do not count: they are one column)."
            raise _Invalid(path, message, hint)
        made.append(_variable(source))
    where = found.get(DATASET)
    hint = "Give the root's own variables a variable 'dataset' with sql_type 'text'."
    if where is None or all(variable.code != DATASET for variable in made):
        raise _Invalid((), "it has no variable 'dataset'", hint)
    if len(where) != 2:
        raise _Invalid(where, "the variable 'dataset' is not at the root", hint)
    if next(variable for variable in made if variable.code == DATASET).sql_type != "text":
        raise _Invalid((*where, "sql_type"), "the variable 'dataset' is not of type text", hint)
    if tree.get("longitudinal"):
        codes = {variable.code for variable in made}
        if missing := [code for code in ("subjectid", "visitid") if code not in codes]:
            message = f"it is longitudinal and has no variable {' and '.join(map(repr, missing))}"
            raise _Invalid((), message, "Add the variable, or remove 'longitudinal'.")
    return tuple(made)


def _column(code: str) -> str:
    """What a database takes for the same column: letters A to Z in either case."""
    return "".join(char.lower() if char.isascii() else char for char in code)


def _leaves(tree: Any) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Path and source of each variable in tree order, each group and variable checked."""
    waiting: list[tuple[Steps, Any]] = [((), tree)]
    while waiting:
        path, group = waiting.pop()
        _check_group(path, group)
        for index, variable in enumerate(group.get("variables", ())):
            where = (*path, "variables", index)
            _check_variable(where, variable)
            yield where, variable
        groups = group.get("groups", ())
        waiting += [((*path, "groups", i), groups[i]) for i in reversed(range(len(groups)))]


def _check_group(path: Steps, group: Any) -> None:
    _object(path, group, "a group")
    _strings(path, group, "a group", "code", "label")
    for key in ("variables", "groups"):
        if not isinstance(group.get(key, []), list):
            raise _Invalid((*path, key), "it is not a list", f"Write {key} as a list.")
    if path:
        return
    if not isinstance(group.get("version", ""), str):
        raise _Invalid(("version",), "it is not a string", "Write the version in quotes.")
    if not isinstance(group.get("longitudinal", False), bool):
        raise _Invalid(("longitudinal",), "it is not true or false", "Write true, or leave it out.")


def _check_variable(path: Steps, variable: Any) -> None:
    _object(path, variable, "a variable")
    _strings(path, variable, "a variable", "code", "label", "sql_type")
    if _CONTROL.search(variable["code"]):
        message = "its code has a control character"
        raise _Invalid((*path, "code"), message, "Use a code that can be shown on a line.")
    if variable["sql_type"].lower() not in SQL_TYPES:
        message = "its sql_type is none of text, real and int"
        raise _Invalid((*path, "sql_type"), message, "Use one of text, real and int.")
    if not isinstance(variable.get("isCategorical"), bool):
        message = "its isCategorical is not true or false"
        raise _Invalid(path, message, "Say whether it is: true or false, without quotes.")
    if "enumerations" not in variable:
        if variable["isCategorical"]:
            message = "it is categorical and has no enumerations"
            raise _Invalid(path, message, "List its enumerations, or set isCategorical to false.")
        return
    below = (*path, "enumerations")
    if not isinstance(variable["enumerations"], list):
        raise _Invalid(below, "it is not a list", "Write a list of {code, label}.")
    for index, entry in enumerate(variable["enumerations"]):
        _object((*below, index), entry, "an entry of an enumeration")
        _strings((*below, index), entry, "an entry of an enumeration", "code", "label")


def _object(path: Steps, value: Any, what: str) -> None:
    if not isinstance(value, dict):
        raise _Invalid(path, f"{what} is not an object", "Write it as {…}.")


def _strings(path: Steps, value: dict[str, Any], what: str, *keys: str) -> None:
    for key in keys:
        if key not in value:
            raise _Invalid(path, f"{what} lacks {key!r}", f"Add {key!r}.")
        if not isinstance(value[key], str):
            raise _Invalid((*path, key), "it is not a string", "Write it in quotes.")
    if not value["code"]:
        raise _Invalid((*path, "code"), "it is empty", "Give it a code.")


def _variable(source: dict[str, Any]) -> Variable:
    entries = source.get("enumerations")
    return Variable(
        code=source["code"],
        label=source["label"],
        sql_type=cast("SqlType", source["sql_type"].lower()),
        is_categorical=source["isCategorical"],
        enumerations=None if entries is None else tuple((e["code"], e["label"]) for e in entries),
        min=_number(source.get("min")),
        max=_number(source.get("max")),
        min_value=_number(source.get("minValue")),
        max_value=_number(source.get("maxValue")),
        source=source,
    )


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
