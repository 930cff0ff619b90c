"""When the controller looks: each case is what was remembered, what is observed, and the clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import LOOK, OWED, PROMPT, REFRESH, ROLES
from saltext_mip.controller.step import Clocks, Decision, Observed, State, backoff, gap, step

CLOCKS = Clocks(settle=30.0, resync=900.0)
NOW = 1_800_000_000.0
QUIET = State(ended=NOW - 200)
DONE, NEWS = Outcome("done"), Outcome("done", changed=True)


def decide(state: State, *requests: str, now: float = NOW, **observed: object) -> Decision:
    return step(state, Observed(requests=frozenset(requests), **observed), now, CLOCKS)  # type: ignore[arg-type]


def test_without_a_request_nothing_is_done() -> None:
    assert decide(QUIET) == Decision(QUIET)


def test_a_wake_is_taken_at_once_and_seen_to_a_moment_later() -> None:
    first = decide(QUIET, LOOK)
    assert (first.action, first.take) == ("nothing", {LOOK})
    assert decide(first.state, now=NOW + 0.5).action == "nothing"
    assert decide(first.state, now=NOW + 1).action == "refresh"


def test_wakes_while_a_look_runs_make_one_more() -> None:
    state = replace(QUIET, running="refresh", run=1)
    for second in range(20):
        decision = decide(state, LOOK, now=NOW + second)
        assert decision.action == "nothing"
        state = decision.state
    begun = decide(state, now=NOW + 20, ended=NEWS)
    assert begun.action == "refresh"
    after = decide(begun.state, now=NOW + 30, ended=DONE)
    assert after.action == "nothing"
    assert [decide(after.state, now=NOW + 30 + s).action for s in range(600)] == ["nothing"] * 600


def test_a_person_is_not_made_to_wait() -> None:
    busy = replace(QUIET, idle=4, ended=NOW - 1, attempts=3, again=NOW + 200)
    decision = decide(busy, REFRESH)
    assert (decision.action, decision.asked) == ("refresh", True)


def test_a_persons_wake_is_seen_to_at_once_but_not_against_a_suspension() -> None:
    weary = replace(QUIET, idle=4, ended=NOW - 1, attempts=3, again=NOW + 200)
    assert decide(weary, PROMPT).action == "refresh"
    assert decide(weary, PROMPT).asked is False
    assert decide(weary, PROMPT, suspended=True).action == "nothing"


def test_looks_that_find_nothing_become_rare_while_wakes_go_on() -> None:
    state, looks = QUIET, []
    for tick in range(1200):
        now = NOW + tick / 2
        ended = DONE if state.running != "nothing" else None
        decision = decide(state, LOOK, now=now, ended=ended)
        looks += [now - NOW] if decision.action == "refresh" else []
        state = decision.state
    assert 5 <= len(looks) <= 8
    assert all(later - sooner >= 120 for sooner, later in pairwise(looks[2:]))


def test_looks_that_find_news_do_not_even_if_they_do_nothing() -> None:
    state = replace(QUIET, running="refresh", counts=True, idle=2)
    assert decide(state, ended=Outcome("held", news=True)).state.idle == 0


def test_after_a_quiet_time_a_wake_is_fresh_again() -> None:
    weary = replace(QUIET, idle=3, ended=NOW - 2 * gap(3, CLOCKS))
    first = decide(weary, LOOK)
    assert decide(first.state, now=NOW + 1).action == "refresh"


def test_looks_that_nothing_woke_make_no_wake_wait() -> None:
    state = replace(QUIET, ended=NOW - 901)
    state = decide(decide(state).state, ended=DONE).state
    assert state.idle == 0
    assert decide(decide(state, LOOK).state, now=NOW + 1).action == "refresh"


def test_a_look_that_found_something_lets_the_next_follow() -> None:
    state = decide(replace(QUIET, running="refresh", counts=True, idle=2), ended=NEWS).state
    assert state.idle == 0
    assert decide(decide(state, LOOK).state, now=NOW + 1).action == "refresh"


def test_now_and_then_it_looks_anyway() -> None:
    assert decide(replace(QUIET, ended=NOW - 899)).action == "nothing"
    assert decide(replace(QUIET, ended=NOW - 901)).action == "refresh"


def test_an_hour_of_idling_has_no_look_but_those_now_and_then() -> None:
    state, looks = QUIET, []
    for tick in range(7200):
        now = NOW + tick / 2
        ended = DONE if state.running == "refresh" else None
        decision = decide(state, now=now, ended=ended)
        state = decision.state
        if decision.action == "refresh":
            looks.append(round(now - QUIET.ended))
    assert looks == [900, 1800, 2701, 3602]


@pytest.mark.parametrize("kind", ["temporary", "died"])
def test_what_failed_and_may_pass_is_tried_again_ever_more_rarely(kind: str) -> None:
    state, now, waits = replace(QUIET, running="refresh"), NOW, []
    for _ in range(9):
        state = decide(state, now=now, ended=Outcome(kind)).state  # type: ignore[arg-type]
        assert state.again is not None
        waits.append(state.again - now)
        assert decide(state, now=state.again - 0.1).action == "nothing"
        now = state.again
        begun = decide(state, now=now)
        assert begun.action == "refresh"
        state = begun.state
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize("kind", ["held", "permanent"])
def test_what_a_person_must_see_to_is_not_tried_again_by_itself(kind: str) -> None:
    state = decide(replace(QUIET, running="refresh"), ended=Outcome(kind)).state  # type: ignore[arg-type]
    assert [decide(state, now=NOW + s).action for s in range(890)] == ["nothing"] * 890
    later = decide(state, LOOK, now=NOW + 600)
    assert decide(later.state, now=NOW + 601).action == "refresh"


def test_a_wake_comes_before_a_late_retry_but_not_at_once() -> None:
    state = replace(QUIET, ended=NOW, idle=1, attempts=7, again=NOW + 300)
    state = decide(state, LOOK).state
    actions = [decide(state, now=NOW + s).action for s in range(300)]
    assert actions.index("refresh") == 30


def test_backoff_differs_by_chance_and_has_an_end() -> None:
    assert 4.0 <= backoff(1, 0.0) < backoff(1, 0.5) < backoff(1, 1.0) < 6.1
    assert backoff(1000, 1.0) == 300.0


def test_what_is_suspended_is_not_begun_and_not_forgotten() -> None:
    state = decide(QUIET, LOOK, suspended=True).state
    for second in range(3000):
        decision = decide(state, now=NOW + second, suspended=True)
        assert decision.action == "nothing"
        state = decision.state
    assert decide(state, now=NOW + 3001).action == "refresh"


def test_a_person_may_refresh_what_is_suspended() -> None:
    assert decide(QUIET, REFRESH, suspended=True).action == "refresh"


def test_what_another_owes_is_seen_to_once_it_is_free() -> None:
    assert decide(QUIET, OWED, running=True) == Decision(QUIET)
    first = decide(QUIET, OWED)
    assert decide(first.state, OWED, now=NOW + 1).action == "refresh"
    failing = replace(QUIET, attempts=2, again=NOW + 60)
    assert decide(failing, OWED, now=NOW + 5) == Decision(failing)


def test_roles_have_a_turn_of_their_own_and_never_make_a_look() -> None:
    state = decide(QUIET, ROLES).state
    begun = decide(state, now=NOW + 1)
    assert begun.action == "roles"
    failed = decide(begun.state, now=NOW + 2, ended=Outcome("died")).state
    assert failed.wanted is None
    assert decide(failed, now=NOW + 7.1).action == "roles"
    done = decide(begun.state, now=NOW + 2, ended=DONE).state
    assert [decide(done, now=NOW + s).action for s in range(3, 600)] == ["nothing"] * 597


def test_a_clock_that_is_put_back_holds_nothing_up() -> None:
    state = replace(QUIET, ended=NOW + 86400, wanted=NOW + 86400, attempts=1, again=NOW + 90000)
    state = decide(state).state
    actions = [decide(state, now=NOW + s).action for s in range(301)]
    assert "refresh" in actions


def test_the_state_is_json() -> None:
    state = State(1.0, True, True, 2.0, 3, True, 4, 5.0, 6, "roles", 7.0, 8, 9.0)
    assert State.from_value(state.value()) == state
