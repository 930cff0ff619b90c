"""Busy is not missing: what counts as evidence, and how long a minion has to give a sign."""

from __future__ import annotations

from saltext_mip.bridge.liveness import (
    GRACE,
    PAUSE,
    Liveness,
    Verdicts,
    is_running,
)

GATHER = 10.0
NOTHING = Verdicts()


class Job:
    """A job whose rounds the test answers; ``at`` is the clock."""

    def __init__(self, *pending: str, load: float = 0.0) -> None:
        self.at = 0.0
        self.load = load
        self.pending = set(pending)
        self.liveness = Liveness(0.0, GATHER)

    def round(self, after: float, **signs: bool) -> Verdicts:
        """Begin a round that is due, let these give their sign at once, look ``after`` seconds."""
        while not self.liveness.due(self.at):
            self.at += 0.1
            assert self.at < 1000, "no round is due"
        self.liveness.begin(self.at, self.pending)
        for node, runs in signs.items():
            self.liveness.sign(node, self.at, asked=self.at, runs=runs)
        return self.look(after)

    def look(self, after: float) -> Verdicts:
        self.at += after
        return self.liveness.end(self.at, self.pending, self.load)


def test_what_answers_at_once_is_not_asked() -> None:
    liveness = Liveness(0.0, GATHER)
    assert not liveness.due(GRACE - 0.1)
    assert liveness.due(GRACE)


def test_a_dead_minion_is_missing_after_two_rounds_without_a_sign() -> None:
    job = Job("dead")
    assert job.round(GATHER - 0.1) == NOTHING
    assert job.look(0.2) == NOTHING
    assert job.round(GATHER - 0.1) == NOTHING
    assert job.look(0.2) == Verdicts({"dead": "silent"})
    assert job.at < GRACE + 2 * GATHER + 1


def test_a_minion_that_was_silent_in_one_round_only_is_waited_for() -> None:
    job = Job("hung")
    for _ in range(3):
        assert job.round(GATHER) == NOTHING
        assert job.round(0.0, hung=True) == NOTHING


def test_a_late_answer_to_an_earlier_round_is_a_sign() -> None:
    job = Job("slow")
    begun = GRACE
    assert job.round(GATHER) == NOTHING
    assert job.round(2.0) == NOTHING
    job.liveness.sign("slow", job.at, asked=begun, runs=True)
    assert job.look(0.0) == NOTHING
    assert job.liveness.seconds(0.0) > 2 * GATHER
    assert job.round(GATHER) == NOTHING


def test_one_that_runs_the_job_is_waited_for_and_asked_now_and_then() -> None:
    job = Job("busy")
    for _ in range(20):
        before = job.at
        assert job.round(0.0, busy=True) == NOTHING
        assert before == 0.0 or job.at - before >= PAUSE


def test_a_round_is_longer_where_other_answers_are_slow() -> None:
    job = Job("silent", "slow")
    job.at = GRACE
    job.liveness.begin(job.at, job.pending)
    job.at += 9
    job.liveness.sign("slow", job.at, asked=GRACE, runs=True)
    assert job.look(8.9) == NOTHING  # 17.9 s after it began
    assert job.liveness.seconds(0.0) == 18
    job.liveness.sign("through", job.at, asked=0.0, runs=False)
    assert job.liveness.seconds(0.0) > 18


def test_a_round_is_longer_on_a_pusher_that_is_overloaded() -> None:
    job = Job("silent", load=3.0)
    assert job.round(3 * GATHER - 0.1) == NOTHING
    assert job.look(0.2) == NOTHING
    assert job.round(3 * GATHER - 0.1) == NOTHING
    assert job.look(0.2) == Verdicts({"silent": "silent"})


def test_a_load_beyond_reason_does_not_make_a_round_endless() -> None:
    assert Job(load=500.0).liveness.seconds(500.0) == 3 * GATHER


def test_a_lost_job_is_sent_again_once_and_then_called_lost() -> None:
    job = Job("forgot")
    assert job.round(GATHER - 0.1, forgot=False) == NOTHING
    assert job.look(0.2) == Verdicts(again=frozenset({"forgot"}))
    assert job.round(GATHER, forgot=False) == NOTHING
    assert job.round(GATHER, forgot=False) == Verdicts({"forgot": "lost"})


def test_a_job_that_was_sent_again_and_runs_is_not_lost() -> None:
    job = Job("forgot")
    assert job.round(GATHER, forgot=False).again == {"forgot"}
    assert job.round(GATHER, forgot=False) == NOTHING
    assert job.round(0.0, forgot=True) == NOTHING
    assert job.round(GATHER, forgot=False) == NOTHING


def test_who_answered_meanwhile_is_not_judged() -> None:
    job = Job("late", "dead")
    job.round(GATHER)
    job.round(0.0)
    job.pending.discard("late")
    assert job.look(GATHER) == Verdicts({"dead": "silent"})


def test_an_error_in_place_of_an_answer_is_a_sign_and_says_no_more() -> None:
    assert is_running({"jid": "1", "pid": 7}) is True
    assert is_running({}) is False
    assert is_running("'saltutil.find_job' is not available.") is None
