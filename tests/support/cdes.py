"""CDEs made to order: as trees, as bytes, and for hypothesis."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

_TYPES = {"int": "integer"}


def variable(code: str, sql_type: str = "text", **more: Any) -> dict[str, Any]:
    """``variable("age", "int", minValue=0)``; ``enumerations=["m", "f"]`` makes it categorical.

    ``type`` is there unless it is given as None.
    """
    made: dict[str, Any] = {
        "isCategorical": "enumerations" in more,
        "code": code,
        "sql_type": sql_type,
        "label": more.pop("label", code.capitalize()),
    }
    if "enumerations" in more:
        made["enumerations"] = [
            {"code": entry, "label": entry.upper()} if isinstance(entry, str) else entry
            for entry in more.pop("enumerations")
        ]
    made["type"] = "nominal" if "enumerations" in made else _TYPES.get(sql_type, sql_type)
    return {key: value for key, value in {**made, **more}.items() if (key, value) != ("type", None)}


def group(
    code: str, variables: Iterable[dict[str, Any]] = (), groups: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "code": code,
        "label": code.capitalize(),
        "variables": list(variables),
        "groups": list(groups),
    }


def tree(
    pathology: str = "dementia",
    *,
    datasets: Sequence[str | dict[str, Any]] = (),
    variables: Iterable[dict[str, Any]] = (),
    groups: Iterable[dict[str, Any]] = (),
    **root: Any,
) -> dict[str, Any]:
    """A small CDE: ``dataset``, what is asked for, and two groups inside one another.

    Without ``variables`` and ``groups``: subjectcode (text), age (int), gender (text, m or f) and
    volume (real).
    """
    variables, groups = list(variables), list(groups)
    if not variables and not groups:
        variables = [variable("subjectcode")]
        inner = group("brain", [variable("volume", "real", minValue=0, maxValue=2000)])
        people = [variable("age", "int"), variable("gender", enumerations=["m", "f"])]
        groups = [group("demographics", people, [inner])]
    made = {
        "variables": [variable("dataset", enumerations=datasets), *variables],
        "code": pathology,
        "version": "0.1",
        "groups": groups,
        "label": pathology.capitalize(),
    }
    return {**made, **root}


def content(value: Any = None, *, indent: int | None = 4, **asked: Any) -> bytes:
    """The bytes of a CDE file; ``content(datasets=["edsd"])`` or ``content(some_tree)``.

    Four spaces by default: other than the project writes, so that a rewrite shows.
    """
    value = tree(**asked) if value is None else value
    return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode()


def many(count: int, *, enumerations: int = 4) -> dict[str, Any]:
    """A tree of ``count`` variables and ``dataset``, fifty a group."""
    kinds: list[dict[str, Any]] = [
        {"sql_type": "real", "minValue": 0, "maxValue": 100},
        {"sql_type": "int"},
        {"sql_type": "text", "enumerations": [f"level {n}" for n in range(enumerations)]},
    ]
    texts = {"description": "A measure with a long description. " * 4, "units": "cm3"}
    made = [variable(f"variable_{n}", **kinds[n % 3], **texts) for n in range(count)]
    groups = [group(f"group_{n}", made[n : n + 50]) for n in range(0, count, 50)]
    return tree(variables=[variable("subjectcode")], groups=groups)


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
_codes = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(lambda c: c != "dataset")
_labels = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
_extra = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,4}", fullmatch=True),
    st.one_of(
        st.none(), st.booleans(), st.integers(), _labels, st.lists(st.integers(), max_size=2)
    ),
    max_size=2,
)


@st.composite
def _variables(draw: st.DrawFn, code: str) -> dict[str, Any]:
    made: dict[str, Any] = {"code": code, "label": draw(_labels)}
    made["sql_type"] = draw(st.sampled_from(["text", "real", "int", "TEXT", "Real"]))
    made["isCategorical"] = draw(st.booleans())
    if made["isCategorical"] or draw(st.booleans()):
        made["enumerations"] = [
            {"code": entry, "label": draw(_labels), **draw(_extra)}
            for entry in draw(st.lists(names, max_size=3))
        ]
    made.update(draw(_extra))
    keys = draw(st.permutations(list(made)))
    return {key: made[key] for key in keys}


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """Any CDE tree: unknown keys everywhere, keys in any order, groups in groups."""
    codes = draw(st.lists(_codes, max_size=6, unique=True))
    leaves = [draw(_variables(code)) for code in codes]
    dataset = draw(_variables("dataset"))
    dataset["sql_type"] = draw(st.sampled_from(["text", "TEXT"]))
    cut = draw(st.integers(0, len(leaves)))
    own = leaves[:cut]
    own.insert(draw(st.integers(0, cut)), dataset)
    below: list[dict[str, Any]] = []
    for leaf in leaves[cut:]:
        group = {"code": f"group of {leaf['code']}", "label": "", "variables": [leaf]}
        below = [{**group, "groups": below, **draw(_extra)}]
    made = {"code": draw(names), "label": draw(_labels), "variables": own, "groups": below}
    made.update(draw(_extra))
    keys = draw(st.permutations(list(made)))
    return {key: made[key] for key in keys}
