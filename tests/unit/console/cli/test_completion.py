"""Completion is what the parser accepts. Real shells use it in tests/functional."""

from __future__ import annotations

import pytest

from saltext_mip.console.cli.commands import actions
from saltext_mip.console.cli.completion import candidates, values
from saltext_mip.console.cli.parser import UsageError, build, parse


@pytest.mark.parametrize("pusher", [True, False])
def test_every_action_is_offered_word_by_word(pusher: bool) -> None:
    offered = candidates(pusher=pusher)
    for action in actions(pusher=pusher):
        for depth, part in enumerate(action.path):
            assert part in offered[" ".join(action.path[:depth])]


@pytest.mark.parametrize("pusher", [True, False])
def test_an_offered_option_is_accepted_by_the_parser(pusher: bool) -> None:
    valued = values(pusher=pusher)
    parser = build(pusher=pusher)
    for action in actions(pusher=pusher):
        placed = [
            str((option.more.get("choices") or ("7",))[0])
            for option in action.options
            if option.positional
        ]
        for option in candidates(pusher=pusher)[action.name]:
            if not option.startswith("-") or option in ("-h", "--help"):
                continue
            value = [(valued[option] or ("7",))[0]] if option in valued else []
            required = ["--backup-file", "1"] if action.name == "restore" else []
            parser.parse_args([*action.path, *placed, *required, option, *value])


def test_what_an_action_refuses_is_not_offered() -> None:
    assert "--node" not in candidates(pusher=True)["history"]
    with pytest.raises(UsageError):
        parse(["history", "--node", "wk1"], pusher=True)


def test_choices_are_offered_after_their_option() -> None:
    valued = values(pusher=True)
    assert valued["--missing-worker"] == ("fail", "skip", "keep")
    assert valued["--dataset"] == ()
    assert "--dry-run" not in valued
