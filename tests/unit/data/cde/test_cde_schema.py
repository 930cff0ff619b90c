"""``schemas/cde.json`` documents what the check by hand asks: they agree on what is broken."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from saltext_mip import schemas
from saltext_mip.data.cde.model import CdeInvalid, parse
from tests.support import cdes
from tests.support.soak import examples

#: What a schema cannot say, in the words of the check by hand.
BEYOND = ("already", "'dataset'", "it is longitudinal", "that of a group around it")

junk = st.sampled_from([None, True, False, 0, 1, "", "text", "int\n", "x\x00", [], {}, ["x"], [{}]])


def containers(value: Any) -> list[Any]:
    """All lists and objects of a value, itself included."""
    below = value.values() if isinstance(value, dict) else value
    found = [value]
    for item in below:
        if isinstance(item, dict | list):
            found += containers(item)
    return found


def refusal(tree: Any) -> str | None:
    try:
        parse(json.dumps(tree).encode(), pathology="p")
    except CdeInvalid as error:
        return str(error.facts["message"])
    return None


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A tree with one or two places broken: a value replaced, or a key removed."""
    tree = json.loads(json.dumps(draw(cdes.trees())))
    for _ in range(draw(st.integers(1, 2))):
        here = draw(st.sampled_from([c for c in containers(tree) if c]))
        key = draw(st.sampled_from(list(here) if isinstance(here, dict) else range(len(here))))
        if draw(st.booleans()):
            here[key] = draw(junk)
        else:
            del here[key]
    return tree


@settings(max_examples=examples(300))
@given(mutated())
def test_the_schema_and_the_check_agree(tree: Any) -> None:
    message = refusal(tree)
    if schemas.first_error("cde", tree):
        assert message
    else:
        assert message is None or any(words in message for words in BEYOND)
