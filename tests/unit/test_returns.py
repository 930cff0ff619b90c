"""Each return has a JSON Schema: what is promised must be there, and more is welcome."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from saltext_mip import results, schemas
from saltext_mip.rules import RULES
from tests.support.returns import NAMES, example, shown

COMMANDS = sorted(results.COMMANDS)
EXAMPLES = [name for name in NAMES if example(name)[0]]


def error(command: str, value: Any) -> tuple[str, str] | None:
    return schemas.first_error(results.schema(command), value)


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_a_schema_and_an_example_is_shown(command: str) -> None:
    schema = results.schema(command)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert command in {example(name)[0] for name in EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_shown_is_of_the_schema(name: str) -> None:
    command, value = example(name)
    assert error(str(command), value) is None


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "export"])
def test_every_promised_key_is_asked_for(command: str) -> None:
    name = next(name for name in EXAMPLES if example(name)[0] == command)
    _, value = example(name)
    for key in results.schema(command)["required"]:
        rest = {other: value[other] for other in value if other != key}
        assert error(command, rest) == ("", f"lacks '{key}'")


def test_more_keys_are_welcome() -> None:
    _, value = example("consolidate-trouble")
    value["more"] = 1
    value["pathologies"]["dementia"]["more"] = {"of": "it"}
    assert error("consolidate", value) is None


def test_one_thing_has_one_definition() -> None:
    found: dict[str, Any] = {}
    for command in COMMANDS:
        for name, definition in results.schema(command).get("$defs", {}).items():
            assert found.setdefault(name, definition) == definition


@pytest.mark.parametrize("rule", RULES)
def test_a_problem_of_any_rule_is_of_the_schema(rule: str) -> None:
    _, value = example("consolidate-unchanged")
    value["problems"] = [shown(contact="anna", rule=rule, node="wk1", line=3, lines=(3, 4))]
    assert error("consolidate", value) is None


@pytest.mark.parametrize("rule", ["", "value: 12"])
def test_a_problem_without_a_rule_is_not(rule: str) -> None:
    _, value = example("consolidate-unchanged")
    value["problems"] = [{**shown(rule="Empty"), "rule": rule}]
    assert error("consolidate", value) is not None
