"""The tree of a CDE: its variables in order, and all mistakes that keep it from being used.

All are found in one run, so that a person corrects them in one. What is odd and can be used all the
same is :mod:`.advice`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

DATASET = "dataset"
SQL_TYPES = ("text", "real", "int")
#: After so many mistakes no more are looked for: each takes more memory than what it is about.
MOST_MISTAKES = 1000
_CODE_CHARS = 60  # of a code that a place is named by
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Mistake:
    """Why a CDE cannot be used: the place in its tree or file, the problem, what to do.

    ``line`` is that of the file, where it is known.
    """

    where: str
    message: str
    hint: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}. {self.hint}"


def examine(tree: Any) -> tuple[list[dict[str, Any]], list[Mistake]]:
    """The variables in tree order, a group's own before its groups', and all mistakes, of which
    there are :data:`MOST_MISTAKES` at most."""
    examination = _Examination(tree)
    with suppress(_TooMany):
        examination.run()
    return [source for _, source in examination.leaves], examination.mistakes


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
    if code and len(code) > _CODE_CHARS:
        code = code[: _CODE_CHARS - 1] + "…"
    return f"at {text[1:]}" + (f" ({code!r})" if code else "")


class _TooMany(Exception):
    """There are as many mistakes as are looked for."""


class _Examination:
    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self.leaves: list[tuple[Steps, dict[str, Any]]] = []
        self.mistakes: list[Mistake] = []

    def run(self) -> None:
        for path, variable in self._variables():
            if self._variable(path, variable):
                self.leaves.append((path, variable))
        if isinstance(self._tree, dict):
            self._root(self._tree)
            self._codes()

    def _add(self, path: Steps, message: str, hint: str) -> None:
        self.mistakes.append(Mistake(place(self._tree, path), message, hint))
        if len(self.mistakes) == MOST_MISTAKES:
            raise _TooMany

    def _variables(self) -> Iterator[tuple[Steps, Any]]:
        """Path and value of each variable in tree order; groups are examined on the way."""
        waiting: list[tuple[Steps, Any, tuple[str, ...]]] = [((), self._tree, ())]
        while waiting:
            path, group, above = waiting.pop()
            if not self._group(path, group, above):
                continue
            code = group.get("code")
            above = (*above, code) if isinstance(code, str) else above
            yield from (
                ((*path, "variables", index), variable)
                for index, variable in enumerate(_list(group, "variables"))
            )
            groups = _list(group, "groups")
            waiting += [
                ((*path, "groups", i), groups[i], above) for i in reversed(range(len(groups)))
            ]

    def _group(self, path: Steps, group: Any, above: Sequence[str]) -> bool:
        if not self._is_object(path, group, "a group"):
            return False
        self._strings(path, group, "a group", "code", "label")
        for key in ("variables", "groups"):
            if not isinstance(group.get(key, []), list):
                self._add((*path, key), "it is not a list", f"Write {key} as a list.")
        if isinstance(group.get("code"), str) and group["code"] in above:
            message = "its code is that of a group around it: the portal then shows no pathology"
            self._add(path, message, "Give the group a code of its own.")
        return True

    def _root(self, tree: dict[str, Any]) -> None:
        if not isinstance(tree.get("version", ""), str):
            self._add(("version",), "it is not a string", "Write the version in quotes.")
        if not isinstance(tree.get("longitudinal", False), bool):
            message = "it is not true or false"
            self._add(("longitudinal",), message, "Write true, or leave it out.")

    def _codes(self) -> None:
        """That a code names one variable, and what certain variables must be."""
        found: dict[str, Steps] = {}
        for path, source in self.leaves:
            if (first := found.setdefault(_column(source["code"]), path)) is not path:
                message = f"its code is that of {place(self._tree, first)} already"
                hint = "A code names one variable (capitals do not count: they are one column)."
                self._add(path, message, hint)
        named = {source["code"]: (path, source) for path, source in reversed(self.leaves)}
        hint = "Give the root's own variables a variable 'dataset' with sql_type 'text'."
        path, source = named.get(DATASET, ((), None))
        if source is None:
            if not any(f"({DATASET!r})" in mistake.where for mistake in self.mistakes):
                self._add((), "it has no variable 'dataset'", hint)
        elif len(path) != 2:
            self._add(path, "the variable 'dataset' is not at the root", hint)
        elif source["sql_type"].lower() != "text":
            self._add((*path, "sql_type"), "the variable 'dataset' is not of type text", hint)
        missing = [repr(code) for code in ("subjectid", "visitid") if code not in named]
        if missing and self._tree.get("longitudinal") is True:
            message = f"it is longitudinal and has no variable {' and '.join(missing)}"
            self._add((), message, "Add the variable, or remove 'longitudinal'.")

    def _variable(self, path: Steps, variable: Any) -> bool:
        """Whether it is one; what else is wrong with it is put down."""
        if not self._is_object(path, variable, "a variable"):
            return False
        before = len(self.mistakes)
        self._strings(path, variable, "a variable", "code", "label", "sql_type")
        code, sql_type = variable.get("code"), variable.get("sql_type")
        if isinstance(code, str) and CONTROL.search(code):
            message = "its code has a control character"
            self._add((*path, "code"), message, "Use a code that can be shown on a line.")
        if isinstance(sql_type, str) and sql_type.lower() not in SQL_TYPES:
            message = "its sql_type is none of text, real and int"
            self._add((*path, "sql_type"), message, "Use one of text, real and int.")
        if not isinstance(variable.get("isCategorical"), bool):
            message = "its isCategorical is not true or false"
            self._add(path, message, "Write true or false, without quotes.")
        if "enumerations" in variable:
            self._enumerations((*path, "enumerations"), variable["enumerations"])
        elif variable.get("isCategorical") is True:
            message = "it is categorical and has no enumerations"
            self._add(path, message, "List its enumerations, or set isCategorical to false.")
        return len(self.mistakes) == before

    def _enumerations(self, path: Steps, entries: Any) -> None:
        if not isinstance(entries, list):
            self._add(path, "it is not a list", "Write a list of {code, label}.")
            return
        for index, entry in enumerate(entries):
            where, what = (*path, index), "an entry of an enumeration"
            if self._is_object(where, entry, what):
                self._strings(where, entry, what, "code", "label", numbers=True)

    def _is_object(self, path: Steps, value: Any, what: str) -> bool:
        if not isinstance(value, dict):
            self._add(path, f"{what} is not an object", "Write it as {…}.")
        return isinstance(value, dict)

    def _strings(
        self, path: Steps, value: dict[str, Any], what: str, *keys: str, numbers: bool = False
    ) -> None:
        """That these keys have strings; ``numbers``: or numbers, which mean their text."""
        for key in keys:
            if key not in value:
                self._add(path, f"{what} lacks {key!r}", f"Add {key!r}.")
            elif not isinstance(value[key], str) and not (numbers and _is_number(value[key])):
                self._add((*path, key), "it is not a string", "Write it in quotes.")
        if value.get("code") == "":
            self._add((*path, "code"), "it is empty", "Give it a code.")


def _list(group: dict[str, Any], key: str) -> list[Any]:
    found = group.get(key, [])
    return found if isinstance(found, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _column(code: str) -> str:
    """What a database takes for the same column: letters A to Z in either case."""
    return "".join(char.lower() if char.isascii() else char for char in code)
