"""What is odd in a CDE that can be used all the same: one problem a rule or a variable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip.data.cde.advice import problems
from saltext_mip.data.cde.model import parse
from saltext_mip.problems import Problem
from saltext_mip.text import appearance
from tests.support import cdes
from tests.support.cdes import group, variable


def found(*variables: dict[str, Any]) -> list[Problem]:
    """In two groups, so that nothing depends on the place."""
    one, other = variables[::2], variables[1::2]
    tree = cdes.tree(groups=[group("one", one), group("other", other)])
    return list(problems(parse(cdes.content(tree), pathology="dementia")))


ALIKE = {
    "a zero-width space": ("age", "ag\u200be", r"'age', 'ag\u200be'"),
    "a byte order mark": ("\ufeffage", "age", r"'\ufeffage', 'age'"),
    "a soft hyphen": ("left-lobe", "left-\u00adlobe", r"'left-lobe', 'left-\xadlobe'"),
    "a composed accent": ("caf\u00e9", "cafe\u0301", r"'caf\xe9', 'cafe\u0301'"),
    "case beyond A to Z": ("\u00c9ge", "\u00e9ge", r"'\xc9ge', '\xe9ge'"),
    "case and accent": ("\u00c9ge", "e\u0301ge", r"'\xc9ge', 'e\u0301ge'"),
    "a no-break space": ("a b", "a\u00a0b", r"'a b', 'a\xa0b'"),
    "a blank at the end": ("age", "age ", "'age', 'age '"),
    "full width": ("age", "\uff41ge", r"'age', '\uff41ge'"),
    "a letter of another alphabet": ("score", "sc\u043ere", r"'score', 'sc\u043ere'"),
}


@pytest.mark.parametrize(("one", "other", "about"), ALIKE.values(), ids=ALIKE)
def test_variables_that_look_alike_are_a_problem_of_the_cde(one, other, about):
    [problem] = found(variable(one), variable("between"), variable(other))
    assert (problem.rule, problem.severity) == ("CdeVariablesAlike", "warning")
    assert (problem.column, problem.count, problem.file) == (one, 2, "CDEsMetadata.json")
    assert problem.about in (about, ", ".join(reversed(about.split(", "))))


@pytest.mark.parametrize("codes", [("age", "ages"), ("a_b", "ab"), ("a", "\u00e4"), ("a-b", "a b")])
def test_variables_that_can_be_told_apart_are_none(codes):
    assert found(*map(variable, codes)) == []


invisible = st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e")


@given(cdes.names, st.data())
def test_invisible_characters_change_no_appearance(name, data):
    at = data.draw(st.integers(0, len(name)))
    assert appearance(name[:at] + data.draw(invisible) + name[at:]) == appearance(name)
    assert appearance(appearance(name)) == appearance(name)


BOUNDS = {
    "a text": ({"minValue": "low"}, "CdeBoundsNoNumber", "minValue"),
    "two texts": ({"min": "low", "maxValue": "1,5"}, "CdeBoundsNoNumber", "min, maxValue"),
    "not a number": ({"maxValue": "NaN"}, "CdeBoundsNoNumber", "maxValue"),
    "true": ({"max": True}, "CdeBoundsNoNumber", "max"),
    "a list": ({"min": [1]}, "CdeBoundsNoNumber", "min"),
    "crossed": ({"minValue": 2, "maxValue": 1}, "CdeBoundsCrossed", "2 and 1"),
    "crossed, of both spellings": ({"min": 0.5, "maxValue": "0"}, "CdeBoundsCrossed", "0.5 and 0"),
    "crossed by the stricter ones": (
        {"min": 0, "minValue": 9, "max": 10, "maxValue": 8},
        "CdeBoundsCrossed",
        "9 and 8",
    ),
}


@pytest.mark.parametrize(("bounds", "rule", "about"), BOUNDS.values(), ids=BOUNDS)
def test_bounds_that_cannot_be_meant_are_a_problem_of_their_variable(bounds, rule, about):
    [problem] = found(variable("x", "real", **bounds))
    assert (problem.rule, problem.severity) == (rule, "warning")
    assert (problem.column, problem.about) == ("x", about)


@pytest.mark.parametrize(
    "bounds",
    [{"min": 1}, {"minValue": 1, "maxValue": 1}, {"min": "-1", "max": "2.5"}, {"max": ""}, {}],
)
def test_bounds_that_can_be_meant_are_none(bounds):
    assert found(variable("x", "real", **bounds)) == []


CATEGORIES = {
    "a comma": (["a,b", "c"], "'a,b'"),
    "a comma alone": ([",", "c"], "','"),
    "twice": (["a", "b", "a"], "'a'"),
    "as text and as number": ([{"code": 3, "label": "x"}, "3"], "'3'"),
    "both": (["1,5", "2", "2"], "'1,5', '2'"),
}


@pytest.mark.parametrize(("entries", "about"), CATEGORIES.values(), ids=CATEGORIES)
def test_categories_that_engines_see_otherwise_are_a_problem(entries, about):
    [problem] = found(variable("x", enumerations=entries))
    assert (problem.rule, problem.severity) == ("CdeCategoriesAmbiguous", "error")
    assert (problem.column, problem.about, problem.hard) == ("x", about, False)


@pytest.mark.parametrize("entries", [["a", "A"], ["a;b", "a b"], ["1", "1.0"], []])
def test_categories_that_are_codes_of_their_own_are_none(entries):
    assert found(variable("x", enumerations=entries)) == []
