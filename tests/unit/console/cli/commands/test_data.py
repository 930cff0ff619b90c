"""``mip consolidate --export-data-structure``, ``check`` and ``codebook``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.console.cli.commands import NODE_ACTIONS, data
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from tests.support import cdes
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context

CODEBOOK = {"pathology": "dementia", "codebook": "column\r\n", "template": "dataset,age\r\n"}


def test_the_exported_structure_is_all_of_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, structure = example("export")
    salt = Scripted(example("consolidate-unchanged")[1], structure)
    loud = context(salt, ("consolidate",))
    loud = replace(loud, display=replace(loud.display, quiet=False))
    assert data.consolidate(loud, {"export": True, "federation": "fed1", "strict": True}) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == structure
    assert "No change" in err
    assert salt.calls == [
        ("consolidate", {"federation": "fed1", "strict": True}),
        ("export", {"federation": "fed1"}),
    ]


def test_nothing_is_exported_of_a_consolidation_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    salt = Scripted(CommandResult(1, error="wk1 is missing"))
    assert data.consolidate(context(salt, ("consolidate",)), {"export": True}) == 1
    assert capsys.readouterr() == ("", "wk1 is missing\n")
    assert len(salt.calls) == 1


@pytest.mark.parametrize(("age", "code"), [("70", 0), ("old", 1)])
def test_a_check_is_1_where_a_file_is_refused(
    age: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = cdes.content(datasets=["edsd"], variables=[cdes.variable("age", "int")])
    (tmp_path / "CDEsMetadata.json").write_bytes(content)
    (tmp_path / "a.csv").write_text(f"dataset,age\nedsd,{age}\n")
    for json_ in (False, True):
        given = {"folder": str(tmp_path)}
        assert data.check(context(Scripted(), ("check",), json=json_), given) == code
    out = capsys.readouterr().out
    assert "1 file checked" in out
    assert json.loads(out[out.index("{\n") :])["refused"] == (["a.csv"] if code else [])


def test_a_check_without_a_cde_is_1(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("dataset,age\nedsd,70\n")
    assert data.check(context(Scripted(), ("check",)), {"folder": str(tmp_path)}) == 1


@pytest.mark.parametrize(
    ("given", "text"), [({}, CODEBOOK["codebook"]), ({"template": True}, CODEBOOK["template"])]
)
def test_a_codebook_or_template_is_all_of_standard_output(
    given: dict[str, Any], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted({"federation": "fed1", **CODEBOOK})
    assert data.codebook(context(salt, ("codebook",)), {"pathology": "dementia", **given}) == 0
    assert capsys.readouterr().out == text
    assert salt.calls == [("codebook", {"pathology": "dementia"})]


class OfThisNode(Scripted):
    """Returns this value from an execution function."""

    def __init__(self, result: CommandResult) -> None:
        super().__init__()
        self.result = result

    def call(self, function: str, arguments: Any) -> CommandResult:
        self.calls.append((function, dict(arguments)))
        return self.result


def on_this_node(salt: Scripted) -> Context:
    action = next(each for each in NODE_ACTIONS if each.name == "codebook")
    return replace(context(salt), action=action, pusher=False)


def test_a_node_asks_its_minion_for_a_pathology_and_nobody_for_a_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    salt = OfThisNode(CommandResult(0, CODEBOOK))
    assert data.codebook(on_this_node(salt), {"pathology": "dementia"}) == 0
    assert capsys.readouterr().out == CODEBOOK["codebook"]
    content = cdes.content(datasets=["edsd"], variables=[cdes.variable("age", "int")])
    (tmp_path / "CDEsMetadata.json").write_bytes(content)
    given = {"pathology": str(tmp_path), "template": True}
    assert data.codebook(on_this_node(salt), given) == 0
    assert "age" in capsys.readouterr().out
    assert salt.calls == [("mip.codebook", {"pathology": "dementia"})]


def test_a_pathology_that_the_node_has_not_is_the_minions_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    salt = OfThisNode(CommandResult(2, error="CDEsMetadata.json of 'tbi' not found on this node."))
    assert data.codebook(on_this_node(salt), {"pathology": "tbi"}) == 2
    assert "'tbi' not found" in capsys.readouterr().err
