"""A return goes through JSON and comes back; its schema accepts it, and refuses a wrong one."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saltext_mip
from saltext_mip import results
from saltext_mip.generations.event_log import EVENT_TYPES
from saltext_mip.plans import PlanItem
from tests.support.returns import NAMES, example
from tests.support.values import values

COMMANDS = sorted(results.COMMANDS)
OBJECTS = [command for command in COMMANDS if command != "export"]
WRONG = {"of": [1.5]}  # of no key's type, but where anything goes


def validator(command: str) -> Any:
    return jsonschema.Draft202012Validator(results.schema(command))


def sent(command: str, value: Any) -> Any:
    return json.loads(json.dumps(results.to_json(command, value)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_value_comes_back_as_it_was(command: str) -> None:
    @settings(max_examples=15, deadline=None)
    @given(values(results.COMMANDS[command]))
    def check(value: Any) -> None:
        assert results.parse(command, sent(command, value)) == value

    check()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_schema_accepts_every_value_of_its_type(command: str) -> None:
    checked = validator(command)

    @settings(max_examples=15, deadline=None)
    @given(values(results.COMMANDS[command]))
    def check(value: Any) -> None:
        plain = sent(command, value)
        if isinstance(plain, dict) and "dry_run" in plain:
            plain.setdefault("plan", [])
        assert [error.message for error in checked.iter_errors(plain)] == []

    check()


@pytest.mark.parametrize("command", OBJECTS)
def test_type_and_schema_refuse_a_key_of_another_type(command: str) -> None:
    checked = validator(command)
    kind = results.COMMANDS[command]
    keys = [each.encode_name for each in msgspec.structs.fields(kind)]

    @settings(max_examples=15, deadline=None)
    @given(values(kind), st.sampled_from(keys))
    def check(value: Any, key: str) -> None:
        plain = {**sent(command, value), key: WRONG}
        assert not checked.is_valid(plain)
        with pytest.raises(msgspec.ValidationError):
            results.parse(command, plain)

    check()


@pytest.mark.parametrize("command", OBJECTS)
def test_a_return_says_of_which_command_and_version_it_is(command: str) -> None:
    schema = results.schema(command)
    assert schema["properties"]["command"] == {"const": command}
    assert schema["properties"]["schema"] == {"const": 1}
    assert {"command", "schema"} <= set(schema["required"])


@pytest.mark.parametrize("name", [n for n in NAMES if example(n)[0] in results.COMMANDS])
def test_an_example_is_read_and_written_whole(name: str) -> None:
    command, value = example(name)
    assert results.to_json(str(command), results.parse(str(command), value)) == value


def test_a_dry_run_without_a_plan_is_refused_by_the_schema() -> None:
    _, value = example("consolidate-unchanged")
    assert validator("consolidate").is_valid(value)
    assert not validator("consolidate").is_valid({**value, "dry_run": True})


def test_every_public_function_of_the_runner_has_a_type() -> None:
    folder = Path(saltext_mip.__file__).parent / "runners"
    found = {
        node.name.rstrip("_")
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert found == set(results.COMMANDS)


def test_the_kinds_of_events_are_those_of_the_log() -> None:
    assert set(results.EventKind.__args__) == set(EVENT_TYPES)  # type: ignore[attr-defined]


def test_an_item_of_no_node_has_no_such_key() -> None:
    assert msgspec.to_builtins(PlanItem("compile", "dementia", "stale")) == {
        "action": "compile",
        "thing": "dementia",
        "reason": "stale",
    }
