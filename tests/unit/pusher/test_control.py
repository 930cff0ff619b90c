"""An operator's actions on the controller, and what the controller's state is as conditions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import PROMPT, Declared, Requests
from saltext_mip.controller.step import State
from saltext_mip.errors import Misuse
from saltext_mip.pusher import control
from saltext_mip.results import Held, Override
from saltext_mip.storage.state import CONTROLLER, write_state
from tests.support import commands
from tests.support.folders import Folders

HELD = Outcome(
    "held",
    revision="r1",
    since="2026-03-12T03:00:00+00:00",
    reason="ShrinkGuard",
    message="it would remove the last dataset of fed1-wk-h2",
    goes=("dementia: ppmi",),
)


def pending(fed: Folders) -> frozenset[str]:
    return Requests(fed.pusher.state).there()


def conditions(fed: Folders) -> list[tuple[str, str]]:
    return [(one.type, one.reason) for one in control.conditions(fed.pusher)]


def run(fed: Folders, action: Any, *arguments: Any, **how: Any) -> Any:
    return to_builtins(action(fed.pusher, *arguments, **how))


def test_any_number_of_wakes_is_one_request(fed: Folders) -> None:
    assert run(fed, control.wake)["changed"] is True
    assert run(fed, control.wake)["changed"] is False
    assert pending(fed) == {PROMPT}
    declared = Declared.load(fed.pusher.state)
    assert declared is not None
    assert declared.ids == frozenset(fed.federation.ids)


def test_a_suspension_without_a_duration_lasts(fed: Folders) -> None:
    run(fed, control.suspend, "the disks are moved", None)
    later = fed.pusher.now() + timedelta(days=400)
    override = control.suspended(fed.pusher.store, later)
    assert override is not None
    assert (override.actor, override.reason, override.until) == (
        "operator",
        "the disks are moved",
        None,
    )
    assert conditions(fed) == [("Suspended", "SuspendedByPerson")]


def test_a_suspension_ends_with_its_duration_and_not_before(fed: Folders) -> None:
    run(fed, control.suspend, None, "2h")
    store = fed.pusher.store
    override = store.suspended()
    assert override is not None
    begun = fed.pusher.now()
    assert control.suspended(store, begun + timedelta(minutes=119)) == override
    assert control.suspended(store, begun + timedelta(hours=2)) is None
    assert store.suspended() is None


def test_a_duration_that_is_none_suspends_nothing(fed: Folders) -> None:
    with pytest.raises(Misuse, match="duration must be a time"):
        control.suspend(fed.pusher, None, "soon")
    assert fed.pusher.store.suspended() is None


def test_a_dry_run_plans_and_changes_nothing(fed: Folders) -> None:
    def planned(action: Any, *arguments: Any) -> str:
        value = run(fed, action, *arguments, dry_run=True)
        assert (value["dry_run"], value["changed"]) == (True, False)
        (item,) = value["plan"]
        return str(item["action"])

    assert planned(control.suspend, "why", None) == "suspend"
    assert planned(control.resume) == "nothing"
    assert fed.pusher.store.suspended() is None
    run(fed, control.suspend, "why", None)
    assert planned(control.resume) == "resume"
    assert fed.pusher.store.suspended() is not None
    assert pending(fed) == frozenset()


def test_a_rollback_is_a_suspension_of_its_own_reason(fed: Folders) -> None:
    override = Override("operator", "2026-03-12T03:00:00+00:00", "RolledBack: to generation 3")
    fed.pusher.store.suspend(override)
    (one,) = control.conditions(fed.pusher)
    assert (one.reason, one.since) == ("RolledBack", override.when)
    assert one.message == "operator restored generation 3"
    run(fed, control.resume)
    assert (conditions(fed), pending(fed)) == ([], {PROMPT})


def held(dataset: str, **more: Any) -> Held:
    facts = {
        "id": "0" * 16,
        "node": "fed1-wk-h2",
        "pathology": "dementia",
        "dataset": dataset,
        "files": [f"{dataset}.csv"],
        "since": HELD.since,
        "why": "the last dataset of fed1-wk-h2",
        "change": f"remove dataset {dataset} of dementia on fed1-wk-h2",
        "available": True,
        **more,
    }
    return Held(**facts)


def test_a_condition_lists_what_is_held(fed: Folders) -> None:
    changes = [held("ppmi"), held("adni", since="2026-03-12T01:00:00+00:00", available=False)]
    fed.pusher.store.holds.save(changes, {}, [])
    (one,) = control.conditions(fed.pusher)
    assert (one.type, one.reason, one.since) == ("Held", "ShrinkGuard", changes[1].since)
    assert one.message == (
        "dementia: ppmi on fed1-wk-h2: the last dataset of fed1-wk-h2; dementia: adni on "
        "fed1-wk-h2 (its folder is gone: not available): the last dataset of fed1-wk-h2"
    )


def test_a_condition_names_who_rejected_it(fed: Folders) -> None:
    fed.pusher.store.holds.save([held("ppmi")], {}, [])
    commands.reject(fed.pusher, reason="it comes back")
    (one,) = control.conditions(fed.pusher)
    assert one.reason == "ChangeRejected"
    assert one.message.startswith(
        "dementia: ppmi on fed1-wk-h2, rejected by operator (it comes back): "
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("done", []),
        ("died", []),
        ("temporary", [("Reconciling", "Retrying")]),
        ("permanent", [("Stalled", "Failed")]),
        ("held", []),
    ],
)
def test_an_outcome_is_a_condition(fed: Folders, kind: Any, expected: Any) -> None:
    outcomes.save(fed.pusher.state, replace(HELD, kind=kind))
    assert conditions(fed) == expected


def test_a_refresh_that_runs_is_shown_in_place_of_the_last_failure(fed: Folders) -> None:
    outcomes.save(fed.pusher.state, replace(HELD, kind="temporary"))
    write_state(fed.pusher.state / CONTROLLER, State(running="refresh").value())
    assert conditions(fed) == [("Reconciling", "Refreshing")]


def test_the_next_attempt_of_what_failed_is_named(fed: Folders) -> None:
    outcomes.save(fed.pusher.state, replace(HELD, kind="temporary", message="no network"))
    write_state(fed.pusher.state / CONTROLLER, State(attempts=3, again=1_773_284_700.0).value())
    (one,) = control.conditions(fed.pusher)
    assert one.message == "failed 3 times; next try at 2026-03-12T03:05:00+00:00: no network"
    last = run(fed, control.wake)["last"]
    assert (last["attempts"], last["next"], last["ended"], last["message"]) == (
        3,
        "2026-03-12T03:05:00+00:00",
        "temporary",
        "no network",
    )
