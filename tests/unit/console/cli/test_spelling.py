"""Advice names commands as the caller types them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from saltext_mip.bridge import sls
from saltext_mip.conditions import REASONS
from saltext_mip.console.cli.commands import ACTIONS
from saltext_mip.console.cli.parser import parse
from saltext_mip.console.cli.spelling import as_mip
from saltext_mip.console.screens.text import Screen, as_runner, spelled
from saltext_mip.rules import RULES

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
    assert as_runner("salt-call mip.check; mip.local; 'x' mip.cde") == (
        "salt-call mip.check; salt-run mip.local; 'x' mip.cde"
    )


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
