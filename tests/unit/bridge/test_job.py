"""A job counts what its nodes signed, by whichever way it comes first, and nothing else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from saltext_mip import wire
from saltext_mip.bridge.job import Call, Job
from saltext_mip.signing import SignedPage
from tests.support.minion_keys import answer, minion_key

H1, H2 = "fed1-wk-h1", "fed1-wk-h2"
INVENTORY = Call("federation_node.inventory", ["fed1", "digest"])
OLD = {"mip": 1, "sha256": "0" * 64, "page": 0, "pages": 1, "parts": []}

# (function, node, keywords of the job) -> the returns that arrive, each by event, cache, or both
Script = Callable[[str, str, Mapping[str, Any]], Sequence[tuple[str, Any]]]


class Master:
    """Salt's master: what it is sent, the bus, and the job cache in which the first return wins."""

    def __init__(self, script: Script, keys: Sequence[str] = (H1, H2)) -> None:
        self.opts = {"gather_job_timeout": 0.1}
        self.script = script
        self.keys = keys
        self.sent: list[tuple[str, tuple[str, ...], str]] = []
        self.bus: deque[Any] = deque()
        self.interrupted = False
        self.cache: dict[str, dict[str, Any]] = {}

    def publish(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any],
        keywords: Any,
        jid: str | None = None,
    ) -> tuple[str, frozenset[str]]:
        again = jid is not None
        jid = jid or f"jid{len(self.sent)}"
        self.sent.append((function, tuple(targets), jid))
        reached = frozenset(targets) & frozenset(self.keys)
        for node in () if again else sorted(reached):
            for way, value in self.script(function, node, keywords):
                self.deliver(jid, node, way, value)
        return jid, reached

    def deliver(self, jid: str, node: str, way: str, value: Any) -> None:
        if "event" in way:
            self.bus.append({"id": node, "jid": jid, "return": value, "retcode": 0})
        if "cache" in way:
            self.cache.setdefault(jid, {}).setdefault(node, {"return": value, "retcode": 0})

    def returned(self, jid: str) -> Mapping[str, Any]:
        return self.cache.get(jid, {})

    def key_of(self, node: str) -> str | None:
        return minion_key(node).public if node in self.keys else None

    def get_event(self, **how: Any) -> Any:
        assert how["full"]
        if self.interrupted:
            return {"tag": "salt/event/exit", "data": {}}
        if self.bus:
            return {"tag": "salt/job/1/ret/x", "data": self.bus.popleft()}
        time.sleep(0 if how.get("no_block") else 0.005)
        return None


def run(master: Master, *targets: str, call: Call = INVENTORY, seconds: float = 60) -> Job:
    job = Job(master, master, call, time.monotonic() + seconds)
    job.run(targets or (H1, H2))
    return job


def values(job: Job) -> dict[str, Any]:
    found = {}
    for node, page in job.returns.found.items():
        assert isinstance(page, SignedPage)
        found[node] = wire.inflate("".join(page.parts))
    return found


def own(node: str, keywords: Mapping[str, Any], function: str, value: Any = None) -> Any:
    """The node's own answer."""
    return answer(node, value or f"of {node}", function=function, nonce=keywords["nonce"])


GENUINE = {H1: f"of {H1}", H2: f"of {H2}"}


@pytest.mark.parametrize("way", ["event", "cache", "event and cache"])
def test_an_answer_counts_by_whichever_way_it_comes(way: str) -> None:
    job = run(Master(lambda function, node, keywords: [(way, own(node, keywords, function))]))
    assert (values(job), job.missing, job.forged) == (GENUINE, {}, {})


def forged(node: str, keywords: Mapping[str, Any], function: str) -> list[Any]:
    """What a compromised minion, ``fed1-wk-h2``, can send in the name of another."""
    return [
        "text",
        {"inventory": {}},
        OLD,
        {**OLD, "signature": "x"},
        answer(node, "forged", signer=H2, function=function, nonce=keywords["nonce"]),
        answer(H2, "of another node", function=function, nonce=keywords["nonce"]),
        answer(node, "of another job", function=function, nonce="n0"),
        answer(
            node, "of another function", function="federation_node.status", nonce=keywords["nonce"]
        ),
        answer(
            node, "other federation", federation="fed2", function=function, nonce=keywords["nonce"]
        ),
        answer(node, "error", signer=H2, function=function, nonce=keywords["nonce"], failed=True),
    ]


def test_what_is_forged_is_ignored_and_counted_also_where_it_comes_first() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if node == H2:
            return [("event and cache", own(node, keywords, function))]
        lies = [("event and cache", lie) for lie in forged(node, keywords, function)]
        return [*lies, ("event and cache", own(node, keywords, function))]

    job = run(Master(script))
    assert values(job) == GENUINE
    assert job.missing == {}
    assert job.forged == {H1: 10}


def test_what_is_forged_after_the_answer_changes_nothing() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if node == H1:
            mine = ("event and cache", own(node, keywords, function))
            return [mine, *(("event", lie) for lie in forged(node, keywords, function))]
        return [("event", own(node, keywords, function))]

    job = run(Master(script))
    assert values(job) == GENUINE
    assert job.forged == {H1: 10}


def test_a_forged_return_in_the_cache_is_counted_although_its_event_was_lost() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if node == H2:
            return [("event", own(node, keywords, function))]
        lie = forged(node, keywords, function)[4]
        return [("cache", lie), ("event", own(node, keywords, function))]

    job = run(Master(script))
    assert values(job) == GENUINE
    assert job.forged == {H1: 1}


def test_where_the_event_is_lost_and_the_cache_is_taken_the_node_is_asked_again() -> None:
    asked = []

    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if function == "federation_node.running":
            return [("event", answer(node, False, function=function, nonce=keywords["nonce"]))]
        asked.append(node)
        if node == H1 and asked.count(H1) == 1:
            return [("cache", forged(node, keywords, function)[4])]
        return [("event", own(node, keywords, function))]

    master = Master(script)
    job = run(master)
    assert values(job) == GENUINE
    jids = [jid for function, _, jid in master.sent if function == INVENTORY.function]
    assert len(set(jids)) == len(jids) == 2


def test_forged_signs_of_life_keep_nobody_alive_and_forged_errors_kill_nobody() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if (
            function == "federation_node.running" and node == H1
        ):  # it is dead; another pretends otherwise
            return [("event and cache", answer(node, True, signer=H2, function=function))] * 3
        if (
            function == "federation_node.running"
        ):  # it is busy; another pretends that it has lost the job
            lie = answer(node, False, signer=H1, function=function, nonce=keywords["nonce"])
            true = answer(node, True, function=function, nonce=keywords["nonce"])
            rounds.append(node)
            if len(rounds) == 3:
                master.deliver("jid0", H2, "event", late[0])
            return [("event and cache", lie), ("event", true)]
        if node == H2:
            late.append(own(node, keywords, function))
        return []

    rounds: list[str] = []
    late: list[Any] = []
    master = Master(script)
    job = run(master)
    assert values(job) == {H2: f"of {H2}"}
    assert set(job.missing) == {H1}
    assert job.forged.keys() == {H1, H2}


@pytest.mark.parametrize("answer", [OLD, f"'{INVENTORY.function}' is not available."])
def test_a_node_of_an_earlier_version_is_missing_and_named_with_its_version(answer: Any) -> None:
    """It answers without a signature, or has no function of that name."""

    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if node == H1:
            return [("event and cache", own(node, keywords, function))]
        if function == "test.versions_information":
            return [("cache", {"Salt Extensions": {"saltext-mip": "0.1.0"}})]
        if function == INVENTORY.function:
            return [("event and cache", answer)]
        return [("event and cache", f"'{function}' is not available.")]

    job = run(Master(script))
    assert values(job) == {H1: f"of {H1}"}
    assert job.missing[H2].version == "0.1.0"
    assert job.missing[H2].unsigned
    assert job.forged == {}


@pytest.mark.parametrize("version", ["x; rm -rf /", "\x1b[2J", 3, None, {"saltext-mip": 1}])
def test_what_such_a_node_reports_is_shown_only_if_it_is_a_version(version: Any) -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if function == "test.versions_information":
            return [("cache", {"Salt Extensions": {"saltext-mip": version}})]
        return [("event and cache", OLD)]

    job = run(Master(script), H2)
    assert (job.missing[H2].unsigned, job.missing[H2].version) == (True, None)


def test_an_answer_that_salt_trimmed_is_waited_for_whole_and_is_not_forged() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        whole = own(node, keywords, function)
        trimmed = {**whole, "parts": ["VALUE_TRIMMED"]}
        return [("event", trimmed), ("cache", whole)]

    job = run(Master(script))
    assert (values(job), job.forged) == (GENUINE, {})


def test_a_node_without_an_accepted_key_is_missing_at_once() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        return [("event", own(node, keywords, function))]

    job = run(Master(script, [H1]))
    assert {node: each.outcome for node, each in job.missing.items()} == {H2: "unsent"}


def test_a_key_that_is_deleted_while_the_job_runs_is_believed_no_longer() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        master.keys = [H1]
        return [("event", own(node, keywords, function))]

    master = Master(script)
    job = run(master, seconds=1)
    assert values(job) == {H1: f"of {H1}"}
    assert set(job.missing) == {H2}


def test_events_of_other_nodes_other_jobs_and_other_kinds_are_nothing() -> None:
    def script(function: str, node: str, keywords: Mapping[str, Any]) -> list[tuple[str, Any]]:
        mine = own(node, keywords, function)
        for event in (
            None,
            "text",
            {},
            {"id": [node], "jid": "jid0", "return": mine},
            {"id": "fed1-wk-nobody", "jid": "jid0", "return": mine},
            {"id": node, "jid": {}, "return": mine},
            {"id": node, "jid": "jid9", "return": mine},
        ):
            master.bus.append(event)
        return [("event", mine)]

    master = Master(script)
    assert values(run(master)) == GENUINE


def test_an_interrupt_that_salt_makes_an_event_of_ends_it_at_once() -> None:
    master = Master(lambda function, node, keywords: [])
    master.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run(master)
