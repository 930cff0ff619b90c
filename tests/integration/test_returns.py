"""What the commands of a real federation return is what their schemas promise, and is shown."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip import results, schemas
from saltext_mip.console.screens.render import render
from tests.support import generator
from tests.support.local import LocalFederation

WORKERS = 2

# in this order; the second worker's data has faults
COMMANDS = [
    ("consolidate", ["dry_run=True"]),
    ("consolidate", []),
    ("consolidate", []),
    ("export", []),
    ("compile", ["dry_run=True"]),
    ("compile", []),
    ("nodes", []),
    ("check_nodes", []),
    ("disable", ["node=wk2", "reason=its disk is replaced"]),
    ("consolidate", []),
    ("enable", ["node=wk2", "dry_run=True"]),
    ("enable", ["node=wk2"]),
    ("history", []),
    ("show", []),
    ("diff", []),
    ("diff", ["a=1", "b=2"]),
    ("rollback", ["dry_run=True"]),
    ("rollback", []),
]


@pytest.fixture(scope="module")
def returns(fed: LocalFederation) -> list[tuple[str, Any]]:
    generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
    for number, node in enumerate(fed.workers(), 1):
        generator.write(fed.data_path(node), generator.hospital(number, bad=number == 2))
    found = []
    for command, args in COMMANDS:
        found.append((command, fed.run(f"mip.{command}", "federation=fed1", *args).json))
    return found


def test_every_return_is_of_its_schema(returns: list[tuple[str, Any]]) -> None:
    wrong = {
        (nth, command): error
        for nth, (command, value) in enumerate(returns)
        if (error := schemas.first_error(results.schema(command), value))
    }
    assert wrong == {}


def test_every_return_is_shown(returns: list[tuple[str, Any]]) -> None:
    for command, value in returns:
        text = str(render(command, results.parse(command, value)))
        assert text
        assert all(char == "\n" or char.isprintable() for char in text)


def test_a_person_sees_the_screen_and_a_program_the_return(fed: LocalFederation) -> None:
    plain = fed.salt_run("mip.history", "federation=fed1", out_json=False, check=True).stdout
    value = fed.salt_run("mip.history", "federation=fed1", check=True).json
    assert plain == f"{render('history', results.parse('history', value))}\n"
