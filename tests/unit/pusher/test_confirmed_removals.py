"""A person's command that would remove much: it asks, goes on with a list, or holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.requests import LOOK, OWED, REFRESH, Requests
from saltext_mip.pusher.questions.label_review import LabelReview
from saltext_mip.pusher.questions.removals import QUESTION, Confirmation, Declined, Unconfirmed
from saltext_mip.pusher.refresh import RefreshRequest
from saltext_mip.pusher.survey import Options
from saltext_mip.results import Held
from tests.support.commands import consolidate, plan_refresh, refresh, reject
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde, rows
from tests.unit.pusher.test_refresh import Engines, automatic, codes, engines, settled

__all__ = ["engines"]

Ask = Callable[[str], str]
NODE = "fed1-wk-h2"
REMOVED = ("remove", "dementia: ppmi", NODE)


class Operator:
    """Somebody at the terminal: their answers, and what they were asked."""

    def __init__(self, *answers: str, meanwhile: Callable[[], Any] = lambda: None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.meanwhile = meanwhile

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        self.meanwhile()
        return self.answers.pop(0)


@pytest.fixture
def gone(fed: Folders, engines: Engines) -> Folders:
    """A worker's last dataset was removed after a generation had it."""
    settled(fed)
    refresh(fed.pusher)
    fed.data(NODE, "dementia", "ppmi.csv").unlink()
    return fed


def by_refresh(fed: Folders, ask: Ask | None, *, guard: bool = False) -> Any:
    return refresh(fed.pusher, RefreshRequest(guard=guard, confirm=ask))


def by_consolidate(fed: Folders, ask: Ask | None, *, guard: bool = False) -> Any:
    return consolidate(fed.pusher, Options(guard=guard, confirm=ask))


both = pytest.mark.parametrize("run", [by_refresh, by_consolidate])


def removing(fed: Folders) -> list[tuple[str, str]]:
    events = fed.pusher.store.event_log.events()
    return [(each.about, each.message) for each in events if each.what == "removing"]


@both
@pytest.mark.parametrize("answers", [("",), ("no",), ("N",), ("perhaps", "si", "x", "x", "x")])
def test_without_a_yes_nothing_is_changed(gone: Folders, run: Any, answers: Any) -> None:
    before, events = gone.files(), gone.pusher.store.event_log.events()
    operator = Operator(*answers)
    with pytest.raises(Declined, match=r"^Nothing was changed\.$"):
        run(gone, operator)
    assert operator.asked[0].splitlines() == [
        "An automatic refresh would hold this. You are about to:",
        f"  remove dementia: ppmi on {NODE}",
        f"    the last dataset of {NODE}",
        QUESTION,
    ]
    assert [QUESTION in each for each in operator.asked] == [True] * len(answers)
    assert (gone.files(), gone.pusher.store.event_log.events()) == (before, events)
    assert not gone.pusher.store.holds.load().changes


@both
@pytest.mark.parametrize("answer", ["y", "yes", "YES"])
def test_after_a_yes_it_goes_on(gone: Folders, run: Any, answer: str) -> None:
    result = run(gone, Operator(answer))
    assert "ppmi" not in codes(gone)
    assert result["held"] == []
    assert [(each["node"], each["dataset"]) for each in result["removals"]] == [(NODE, "ppmi")]
    assert removing(gone) == [(NODE, f"dementia: ppmi: the last dataset of {NODE}")]
    assert "retcode" not in result


@both
def test_without_a_terminal_it_goes_on_and_lists_it_first(gone: Folders, run: Any) -> None:
    gone.said.clear()
    result = run(gone, None)
    assert "ppmi" not in codes(gone)
    said = f"remove dataset ppmi of dementia on {NODE}: the last dataset of {NODE}"
    first = next(n for n, line in enumerate(gone.said) if line == said)
    assert first < next(n for n, line in enumerate(gone.said) if line.startswith("staging"))
    assert [each["dataset"] for each in result["removals"]] == ["ppmi"]
    what = [each.what for each in gone.pusher.store.event_log.events()]
    assert what.index("removing") < len(what) - 1 - what[::-1].index("consolidated")
    assert [tag for tag, _ in gone.events if tag == "removing"] == ["removing"]


@both
def test_the_guard_holds_it_without_a_question(gone: Folders, run: Any) -> None:
    operator = Operator()
    result = run(gone, operator, guard=True)
    assert (operator.asked, result["retcode"]) == ([], 1)
    assert "ppmi" in codes(gone)
    assert (result["removals"], removing(gone)) == ([], [])


@both
def test_what_is_removed_while_the_operator_thinks_is_asked_for_too(
    gone: Folders, run: Any
) -> None:
    def more() -> None:
        path = gone.data("fed1-wk-h1", "dementia", "edsd.csv")
        path.unlink(missing_ok=True)
        # no lock is held: another command could run
        with gone.pusher.locked("other", 0):
            pass

    operator = Operator("yes", "no", meanwhile=more)
    with pytest.raises(Declined):
        run(gone, operator)
    first, second = operator.asked
    assert ("edsd" in first, "edsd" in second) == (False, True)
    assert set(codes(gone)) == {"edsd", "ppmi"}


@both
def test_what_an_operator_decided_is_not_asked_again(gone: Folders, run: Any) -> None:
    automatic(gone)
    reject(gone.pusher)
    operator = Operator()
    run(gone, operator)
    assert operator.asked == []
    assert "ppmi" in codes(gone)


def test_what_an_interrupted_run_left_is_told_beside_the_no(gone: Folders) -> None:
    confirmation = Confirmation(Operator("no"))
    confirmation.recovered = "The run of anna was interrupted and is undone."

    changes = held_changes(gone)

    def once() -> None:
        raise Unconfirmed(changes)

    with pytest.raises(Declined) as declined:
        confirmation.run(once)
    assert str(declined.value) == (
        "The run of anna was interrupted and is undone. Apart from that, nothing was changed."
    )


def held_changes(fed: Folders) -> tuple[Held, ...]:
    automatic(fed)
    return fed.pusher.store.holds.load().changes


def test_a_small_removal_is_not_asked_for(fed: Folders, engines: Engines) -> None:
    settled(fed)
    fed.write(NODE, "dementia", "second.csv", rows("second"))
    refresh(fed.pusher)
    fed.data(NODE, "dementia", "second.csv").unlink()
    operator = Operator()
    result = by_refresh(fed, operator)
    assert (operator.asked, result["removals"]) == ([], [])
    assert "second" not in codes(fed)


def test_a_whole_pathology_is_asked_for(fed: Folders, engines: Engines) -> None:
    settled(fed)
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde("centre"))
    fed.write(NODE, "tbi", "centre.csv", rows("centre"))
    refresh(fed.pusher)
    fed.data(NODE, "tbi", "centre.csv").unlink()
    operator = Operator("no")
    with pytest.raises(Declined):
        by_refresh(fed, operator)
    assert "the whole pathology 'tbi'" in operator.asked[0]


def test_a_refresh_that_is_declined_leaves_requests_and_its_record(gone: Folders) -> None:
    requests = Requests(gone.pusher.state)
    requests.leave_for(REFRESH, "anna")
    requests.leave(LOOK)
    before = outcomes.load(gone.pusher.state)
    with pytest.raises(Declined):
        by_refresh(gone, Operator("no"))
    assert requests.there() == {REFRESH, LOOK}
    assert requests.person() == "anna"
    assert OWED not in requests.there()
    assert outcomes.load(gone.pusher.state) == before


@pytest.mark.parametrize(
    ("ask", "guard", "action", "note"),
    [
        (Operator(), False, "ask before removing", "On this terminal the command asks"),
        (None, False, "remove", "continues without a question"),
        (Operator(), True, "hold", ""),
    ],
)
def test_a_dry_run_tells_which_of_these_would_happen(
    gone: Folders, ask: Ask | None, guard: bool, action: str, note: str
) -> None:
    for planned in (
        plan_refresh(gone.pusher, RefreshRequest(guard=guard, confirm=ask)),
        consolidate(gone.pusher, Options(dry_run=True, guard=guard, confirm=ask)),
    ):
        found = [(i["action"], i["thing"], i.get("node")) for i in planned["plan"]]
        assert (action, "dementia: ppmi", NODE) in found
        assert any(note in each for each in planned["notes"]) if note else not planned["notes"]
    assert "ppmi" in codes(gone)


def test_a_review_of_labels_does_not_ask_twice(gone: Folders) -> None:
    labels = Operator(*[""] * 20)
    confirms = Operator("yes")
    consolidate(gone.pusher, Options(review=LabelReview(labels), confirm=confirms))
    assert len(labels.asked) == len(set(labels.asked)) > 0
    assert len(confirms.asked) == 1
