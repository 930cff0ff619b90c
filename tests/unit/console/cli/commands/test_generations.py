"""``mip diff`` and its exit codes; ``history`` and ``rollback`` by their old names too."""

from __future__ import annotations

import pytest

from saltext_mip.console.cli.action import call
from saltext_mip.console.cli.commands import generations
from saltext_mip.console.cli.parser import parse
from saltext_mip.console.cli.salt import CommandResult
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context


@pytest.mark.parametrize(("name", "code"), [("diff", 1), ("diff-same", 0)])
def test_a_difference_is_1_and_none_0(
    name: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(example(name)[1])
    assert generations.diff(context(salt, ("diff",)), {"a": 2, "federation": "fed1"}) == code
    assert salt.calls == [("diff", {"a": 2, "federation": "fed1"})]
    assert "differences from" in capsys.readouterr().out


def test_a_comparison_that_failed_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    failed = CommandResult(1, error="no generation 9")
    assert generations.diff(context(Scripted(failed), ("diff",)), {"a": 9}) == 2
    assert capsys.readouterr().err == "no generation 9\n"


def test_a_comparison_that_was_done_in_part_is_2() -> None:
    _, value = example("diff-same")
    salt = Scripted(CommandResult(1, Scripted(value).run("diff", {}).value))
    assert generations.diff(context(salt, ("diff",)), {}) == 2


@pytest.mark.parametrize(
    ("line", "function", "arguments"),
    [
        ("history --limit 3", "history", {"limit": 3}),
        ("backup", "history", {}),
        ("backup list", "history", {}),
        ("backup show 1", "diff", {"a": 1}),
        ("diff 1 2", "diff", {"a": 1, "b": 2}),
        ("show", "show", {}),
        ("show 3", "show", {"generation": 3}),
        ("show --at 2h", "show", {"at": "2h"}),
        ("rollback 3 --reason why", "rollback", {"generation": 3, "reason": "why"}),
        ("rollback", "rollback", {}),
        ("rollback 2 --dry-run", "rollback", {"generation": 2, "dry_run": True}),
        ("clean --keep 50 --dry-run", "clean", {"keep": 50, "dry_run": True}),
        ("restore --backup-file 2 --force", "rollback", {"generation": 2, "force": True}),
    ],
)
def test_each_name_calls_its_function_with_what_was_typed(
    line: str, function: str, arguments: dict[str, object]
) -> None:
    action, _, given = parse(line.split(), pusher=True)
    assert (action.function, given) == (function, arguments)


def test_the_old_names_show_what_the_new_ones_show(capsys: pytest.CaptureFixture[str]) -> None:
    _, value = example("history")
    for words in (("history",), ("backup", "list")):
        assert call(context(Scripted(value), words), {}) == 0
    out = capsys.readouterr().out
    assert out[: len(out) // 2] == out[len(out) // 2 :]
    assert "by anna" in out
