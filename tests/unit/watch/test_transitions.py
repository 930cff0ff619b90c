"""What counts as a change between two observations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from saltext_mip.conditions import ALWAYS, OPTIONAL, REASONS, WHILE_TRUE, Condition
from saltext_mip.results import ReportedCondition
from saltext_mip.watch.transitions import UNTRACKED, problem_key, track, transitions
from tests.unit.watch.values import condition, good, problem, replaced

NOW = datetime(2026, 3, 12, 4, 5, tzinfo=UTC)

reported = st.builds(
    Condition,
    type=st.sampled_from([*ALWAYS, *OPTIONAL]),
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=st.sampled_from(sorted(REASONS)),
    message=st.text(max_size=20),
)
temporary = st.builds(
    Condition,
    type=st.sampled_from(WHILE_TRUE),
    status=st.just("True"),
    reason=st.sampled_from(sorted(REASONS)),
    message=st.text(max_size=20),
)
observations = st.lists(
    st.one_of(reported, temporary).map(ReportedCondition.of),
    unique_by=lambda each: each.type,
)


def test_a_worker_that_went_away_is_one_change_and_its_return_another() -> None:
    gone = replaced(condition("WorkersReachable", "False", "WorkerMissing", "h1: no connection"))
    (change,) = transitions("fed1", good(), gone)
    assert change.text == "False WorkerMissing, was True AllAnswer"
    (back,) = transitions("fed1", gone, good())
    assert back.text == "True AllAnswer, was False WorkerMissing"


def test_what_is_held_is_a_change_when_it_begins_and_when_it_ends() -> None:
    held = replaced(condition("Held", "True", "ShrinkGuard"))
    (change,) = transitions("fed1", good(), held)
    assert change.text == "True ShrinkGuard, was False"
    (ended,) = transitions("fed1", held, good())
    assert (ended.type, ended.text) == ("Held", "False, was True ShrinkGuard")


def test_the_first_observation_reports_only_what_needs_attention() -> None:
    assert transitions("fed1", None, good()) == []
    bad = replaced(condition("Served", "False", "NotServing"))
    (change,) = transitions("fed1", None, bad)
    assert change.text == "False NotServing, was not known"


@given(observations, st.text(max_size=10))
def test_a_message_is_no_change(before: list[ReportedCondition], message: str) -> None:
    after = [structs.replace(each, message=message, since=message) for each in before]
    assert transitions("fed1", before, after) == []


@given(observations, observations)
def test_the_changes_lead_from_one_observation_to_the_next(
    before: list[ReportedCondition], now: list[ReportedCondition]
) -> None:
    """Applied to what was known they give what is known now; each type at most once."""
    then = {each.type: (each.status, each.reason) for each in before}
    changes = transitions("fed1", before, now)
    assert len({each.type for each in changes}) == len(changes)
    for change in changes:
        assert then.get(change.type, ("False", "") if change.type in WHILE_TRUE else None) == (
            (change.was_status, change.was_reason) if change.was_status else None
        )
        if change.reason:
            then[change.type] = (change.status, change.reason)
        else:
            del then[change.type]
    for each in now:
        if each.type == UNTRACKED:
            continue
        if each.type not in then:  # nothing was known of it, and it is as it should be
            assert each.status == "True"
        else:
            assert then[each.type] == (each.status, each.reason)


def test_a_problem_is_new_for_a_day_then_open_then_resolved_for_a_day() -> None:
    first = track([], [], [problem()], NOW)
    (found,) = first.problems
    assert (found.state, found.since) == ("new", "2026-03-12T04:05:00+00:00")
    later = NOW + timedelta(hours=25)
    second = track(first.problems, first.resolved, [problem()], later)
    assert [(each.state, each.since) for each in second.problems] == [("open", found.since)]
    third = track(second.problems, second.resolved, [], later + timedelta(minutes=1))
    assert third.problems == []
    assert [each.state for each in third.resolved] == ["resolved"]
    kept = track(third.problems, third.resolved, [], later + timedelta(hours=24))
    assert kept.resolved == third.resolved
    assert track([], kept.resolved, [], later + timedelta(hours=25)).resolved == []


def test_a_problem_that_comes_back_is_new_again_and_no_longer_resolved() -> None:
    gone = track([problem(since=NOW.isoformat(), state="new")], [], [], NOW)
    later = NOW + timedelta(hours=2)
    back = track([], gone.resolved, [problem()], later)
    assert [each.since for each in back.problems] == [later.isoformat()]
    assert back.resolved == []


problems = st.lists(
    st.builds(
        problem,
        rule=st.sampled_from(["MountGone", "Unreadable", "NodeFailed"]),
        node=st.sampled_from(["a", "b"]),
        pathology=st.sampled_from([None, "dementia", "tbi"]),
        about=st.sampled_from([None, "one", "another"]),
    )
)


@given(st.lists(problems, max_size=6))
def test_each_problem_is_either_there_or_resolved(observed: list[list[object]]) -> None:
    before, resolved = [], []
    ever = set()
    for number, now in enumerate(observed):
        found = track(before, resolved, now, NOW + timedelta(minutes=number))
        there = {problem_key(each) for each in found.problems}
        gone = [problem_key(each) for each in found.resolved]
        ever |= there
        assert there == {problem_key(each) for each in now}
        assert len(gone) == len(set(gone))
        assert set(gone) == ever - there
        before, resolved = found.problems, found.resolved
