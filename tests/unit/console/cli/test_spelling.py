"""Advice names commands as the caller types them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable

import pytest

from saltext_mip.bridge import sls
from saltext_mip.conditions import REASONS
from saltext_mip.console.cli.commands import ACTIONS
from saltext_mip.console.cli.parser import COMMON, parse
from saltext_mip.console.cli.spelling import _functions, as_mip, as_runner, is_of_mip_alone
from saltext_mip.console.screens.text import Screen, spelled
from saltext_mip.rules import RULES
from saltext_mip.runners import mip, mip_controller, mip_generations, mip_nodes, mip_services

STATES = sls.root() / "states/mip"


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Run salt-run mip.resume to resume.", "Run mip resume to resume."),
        ("mip.resume or mip.consolidate", "mip resume or mip consolidate"),
        ("run salt-run mip.consolidate federation=fed1.", "run mip consolidate --federation fed1."),
        ("run mip.enable node=wk1 first", "run mip node enable --node wk1 first"),
        ("salt-run mip.rollback generation=3 dry_run=True", "mip rollback 3 --dry-run"),
        (
            "salt-run mip.clean federation=fed1 keep=<number> (dry_run=True shows it)",
            "mip clean --federation fed1 --keep <number> (--dry-run shows it)",
        ),
        ("3 of 20: limit=0 shows all", "3 of 20: --limit 0 shows all"),
        ("or missing_worker=keep", "or --missing-worker keep"),
        ("salt-run mip.sync_roles", "mip sync-roles"),
        ("salt-run mip.check_nodes", "mip node check"),
    ],
)
def test_a_call_of_the_runner_is_a_line_of_mip(text: str, typed: str) -> None:
    assert as_mip(text) == typed


@pytest.mark.parametrize(
    "text",
    [
        "salt '*wk*' mip.compile force=True",
        "salt-call mip.check /data/dementia",
        "salt-call --local mip.check /data/dementia",
        "mip.local/dementia/limit=3.csv, node=1.csv",
        "it@mip.example.org",
        "mip.federations.fed1",
        "mip.history.csv",
    ],
)
def test_nothing_else_is_respelled(text: str) -> None:
    assert as_mip(text) == text


def test_all_advice_is_a_line_that_mip_understands() -> None:
    """What hints of conditions and rules name is an action, with options that it takes."""
    functions = {action.function for action in ACTIONS}
    hints = [*REASONS.values(), *(rule.hint for rule in RULES.values())]
    for hint in hints:
        for called in re.finditer(r"salt-run mip\.[a-z_]+(?: [a-z_]+=[\w-]+)*", hint):
            line = as_mip(called[0])
            assert line.startswith("mip "), hint
            action, _, _ = parse(line.split()[1:], pusher=True)
            assert action.function in functions


def test_the_runner_is_named_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert as_runner("Run mip.resume, or salt-run mip.wake.") == (
        "Run salt-run mip.resume, or salt-run mip.wake."
    )
    text = "salt-call --local mip.allow x; 'x' mip.compile; mip.check on the node; mip.refresh: no"
    assert as_runner(text) == text


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Run mip data consolidate.", "Run salt-run mip.consolidate."),
        (
            "mip deploy fixes it; --dry-run shows",
            "salt-run mip.deploy fixes it; dry_run=True shows",
        ),
        ("mip node enable --node wk1 first", "salt-run mip.enable node=wk1 first"),
        ("mip data compile --force.", "salt-run mip.compile force=True."),
        ("or --missing-worker keep", "or missing_worker=keep"),
        ("mip suspend --for 2h, then", "salt-run mip.suspend duration=2h, then"),
        ("until then mip deploy is refused", "until then salt-run mip.deploy is refused"),
        ("mip sync-roles; mip logs", "salt-run mip.sync_roles; salt-run mip.logs"),
    ],
)
def test_a_line_of_mip_is_a_call_of_the_runner(text: str, typed: str) -> None:
    assert as_runner(text) == typed


@pytest.mark.parametrize(
    "text",
    [
        *("mip status --problems", "mip ssh wk1", "mip describe wk1", "mip check-required"),
        *("mip tmux.conf", "/etc/mip logs", "which mip did not create"),
        "docker service rm --force",
    ],
)
def test_what_only_mip_does_is_not_respelled(text: str) -> None:
    assert as_runner(text) == text


def test_advice_for_salt_run_calls_functions_with_arguments_that_they_have() -> None:
    """Every option that is respelled is an argument of its function."""
    arguments = {
        each.name.rstrip("_"): {one.arg for one in each.args.args}
        for module in (mip, mip_controller, mip_generations, mip_nodes, mip_services)
        for each in ast.parse(inspect.getsource(module)).body
        if isinstance(each, ast.FunctionDef)
    }
    for action in _functions().values():
        named = {option.name for option in action.options} | (action.takes & set(COMMON))
        shared = {name for name in named if not is_of_mip_alone(action, name)}
        assert shared <= arguments[action.function], action.name
        assert not (named - shared) & arguments[action.function], action.name


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("since= takes 90s", "--since takes 90s"),
        ("or use node=.", "or use --node."),
        ("lines= takes a number", "--limit takes a number"),
        ("duration= is a time such as 45m", "--for is a time such as 45m"),
        ("files=3", "files=3"),
    ],
)
def test_an_argument_that_an_error_names_is_an_option_of_mip(text: str, typed: str) -> None:
    assert as_mip(text) == typed


@pytest.mark.parametrize("spell", [as_mip, as_runner])
@pytest.mark.parametrize("name", sorted(path.stem for path in STATES.glob("*.sls")))
def test_a_state_is_no_call_of_the_runner(spell: Callable[[str], str], name: str) -> None:
    line = f"salt '*' state.apply mip.{name}"
    assert spell(line) == line
    assert spell(f"Run {line}, then mip.resume.").startswith(f"Run {line}, ")


def test_a_screen_is_wrapped_as_it_is_spelled() -> None:
    with spelled(as_mip):
        screen = Screen(30)
        screen.text("Run salt-run mip.enable federation=fed1 node=wk1.")
    assert str(screen) == "Run mip node enable\n--federation fed1 --node wk1."
