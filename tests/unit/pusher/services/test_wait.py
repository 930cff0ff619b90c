"""What a wait costs, when it ends, and what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saltext_mip.errors import NodesMissing
from saltext_mip.pusher.services import client, deploy, lifecycle, wait
from saltext_mip.pusher.survey import Options
from saltext_mip.swarm import docker_api
from saltext_mip.swarm.observed import START_PERIOD
from saltext_mip.swarm.request import ServiceRequest
from tests.support import commands
from tests.support.services import Services
from tests.unit.pusher.conftest import with_data

ENGINE = "fed1-wk-h1_exareme"
OTHER = "fed1-wk-h2_exareme"
MASTER = "fed1-ms"
CONFIRMED = 1  # a second observation finds the same tasks


def restart(fed: Services, *nodes: str, slow: int) -> None:
    """Restart the services of these nodes; each is up after ``slow`` observations."""
    fed.slow = slow
    client.enforce(fed.pusher, ServiceRequest.on_nodes("restart", nodes))
    fed.asked.clear()
    fed.compiled = fed.refreshed = 0


def jobs(fed: Services, function: str) -> int:
    return [name for name, _ in fed.asked].count(function)


def test_pillar_and_secrets_are_resolved_once_however_long_it_waits(fed: Services) -> None:
    restart(fed, "fed1-wk-h1", slow=20)
    view, waiting = wait.wait_up(fed.pusher, timeout=60)
    assert waiting == {}
    assert view.services[ENGINE].serving is True
    assert jobs(fed, "federation_node.services") == 20 + CONFIRMED
    assert (fed.compiled, fed.refreshed) == (1, 1)


def test_no_pillar_is_refreshed_where_nothing_is_waited_for(fed: Services) -> None:
    wait.wait_up(fed.pusher, timeout=60, first=client.observe_services(fed.pusher))
    assert (jobs(fed, "federation_node.services"), fed.compiled, fed.refreshed) == (1, 1, 0)


def test_a_view_of_a_moment_ago_has_resolved_them(fed: Services) -> None:
    restart(fed, "fed1-wk-h1", slow=5)
    first = client.observe_services(fed.pusher)
    wait.wait_up(fed.pusher, timeout=60, first=first)
    assert (jobs(fed, "federation_node.services"), fed.compiled, fed.refreshed) == (
        5 + CONFIRMED,
        1,
        1,
    )


def test_waiting_for_datasets_resolves_them_once_too(fed: Services) -> None:
    restart(fed, "fed1-wk-h1", slow=20)
    wanted = {"dementia": {"edsd": ("fed1-wk-h1",), "ppmi": ("fed1-wk-h2",)}}
    assert wait.wait_served(fed.pusher, wanted, 60)[0] == ()
    assert (jobs(fed, "federation_node.services"), fed.compiled, fed.refreshed) == (
        20 + CONFIRMED,
        1,
        1,
    )


def test_a_copy_that_cannot_be_refreshed_is_not_used(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fed, "_refresh_pillar", lambda node, **_: False)
    restart(fed, "fed1-wk-h1", slow=5)
    assert wait.wait_up(fed.pusher, timeout=60)[1] == {}
    assert (jobs(fed, "federation_node.services"), fed.compiled) == (5 + CONFIRMED, 5 + CONFIRMED)


def test_a_copy_that_declares_other_services_is_not_used(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed = fed._services

    def old_copy(node: str, compile_pillar: bool = True, **more: Any) -> Any:
        value = observed(node, compile_pillar, **more)
        if not compile_pillar:
            gone = value["services"][ENGINE] | {"up": False, "serving": False}
            value["services"]["switched-off"] = gone
        return value

    monkeypatch.setattr(fed, "_services", old_copy)
    restart(fed, "fed1-wk-h1", slow=5)
    view, waiting = wait.wait_up(fed.pusher, timeout=60)
    assert (waiting, "switched-off" in view.services) == ({}, False)
    assert fed.refreshed == 2 + CONFIRMED


def test_a_master_that_is_busy_is_asked_again(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe, silent = client.observe_services, iter(range(3))

    def busy(*arguments: Any, **keywords: Any) -> client.ServicesView:
        if next(silent, None) is not None:
            raise NodesMissing("it does not answer in time", nodes=MASTER)
        return observe(*arguments, **keywords)

    monkeypatch.setattr(client, "observe_services", busy)
    assert wait.wait_up(fed.pusher, timeout=60)[1] == {}


def test_a_master_that_stays_away_ends_the_wait(fed: Services) -> None:
    fed.down = {MASTER}
    with pytest.raises(NodesMissing):
        wait.wait_up(fed.pusher, timeout=0)


def test_time_that_is_up_returns_why_each_does_not_serve(fed: Services) -> None:
    restart(fed, "fed1-wk-h1", "fed1-wk-h2", slow=1000)
    _, waiting = wait.wait_up(fed.pusher, timeout=0)
    assert set(waiting) == {ENGINE, OTHER}
    assert set(wait.wait_up(fed.pusher, timeout=0, only=["fed1-wk-h2"])[1]) == {OTHER}


def test_an_error_that_waiting_does_not_fix_ends_the_wait(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "PERMANENT_ERROR_WAIT", 0.001)
    fed.broken_tasks = {ENGINE: "No such image: exareme:0"}
    _, waiting = wait.wait_up(fed.pusher, timeout=3600)
    assert waiting == {ENGINE: "No such image: exareme:0"}
    assert client.condition_reason(waiting[ENGINE]) == "ImagePullFailed"


def test_it_does_not_end_the_wait_for_others(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "PERMANENT_ERROR_WAIT", 0.001)
    fed.broken_tasks = {ENGINE: "No such image: exareme:0"}
    restart(fed, "fed1-wk-h2", slow=10)
    view, waiting = wait.wait_up(fed.pusher, timeout=3600)
    assert set(waiting) == {ENGINE}
    assert view.services[OTHER].serving is True


@pytest.mark.parametrize(
    "error",
    ["starting container failed", "task: non-zero exit (2)"],  # create_dbs before its database
)
def test_another_error_is_waited_for(
    fed: Services, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    assert client.condition_reason(error) is None
    fed.broken_tasks = {ENGINE: error}
    assert wait.wait_up(fed.pusher, timeout=0)[1] == {ENGINE: error}
    monkeypatch.setattr(wait, "PERMANENT_ERROR_WAIT", 0.0)
    looks = iter(range(3))

    def observe(*arguments: Any, **keywords: Any) -> client.ServicesView:
        if next(looks, None) is None:
            fed.broken_tasks = {}
        return observed(*arguments, **keywords)

    observed = client.observe_services
    monkeypatch.setattr(client, "observe_services", observe)
    monkeypatch.setattr(wait, "POLL_INTERVAL", 0.0)
    assert wait.wait_up(fed.pusher, timeout=60)[1] == {}


def test_what_an_operator_stopped_is_not_waited_for(fed: Services) -> None:
    client.enforce(fed.pusher, ServiceRequest.on_nodes("stop", ["fed1-wk-h1"]))
    view, waiting = wait.wait_up(fed.pusher, timeout=60)
    assert waiting == {}
    assert view.overrides["fed1-wk-h1"].word == "stopped"


def test_now_and_then_something_is_done_while_it_waits(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "RETRY_INTERVAL", 0.0)
    restart(fed, "fed1-wk-h1", slow=4)
    done: list[int] = []
    wait.wait_up(fed.pusher, timeout=60, again=lambda: done.append(1))
    assert len(done) == 3


def test_datasets_that_are_not_served_in_time_are_named(fed: Services) -> None:
    wanted = {"dementia": {"adni": ("fed1-wk-h1",)}}
    assert (
        "dementia, dataset adni: not served by fed1-wk-h1"
        in wait.wait_served(fed.pusher, wanted, 0)[0]
    )


def test_what_a_node_served_that_is_absent_and_down_is_not_waited_for(fed: Services) -> None:
    wanted = {"dementia": {"edsd": ("fed1-wk-h1",), "ppmi": ("fed1-wk-h2",)}}
    restart(fed, "fed1-wk-h2", slow=10**6)
    missing = ("dementia, dataset ppmi: not served by fed1-wk-h2",)
    absent = ["fed1-wk-h2"]
    assert wait.wait_served(fed.pusher, wanted, 0, absent=absent)[0] == missing  # only busy
    fed.down = {"fed1-wk-h2"}
    assert wait.wait_served(fed.pusher, wanted, 0)[0] == missing
    assert wait.wait_served(fed.pusher, wanted, 0, absent=absent)[0] == ()
    restart(fed, "fed1-wk-h1", slow=10**6)
    left = wait.wait_served(fed.pusher, wanted, 0, absent=absent)[0]
    assert left == ("dementia, dataset edsd: not served by fed1-wk-h1",)


def test_each_reason_to_wait_is_reported_once(fed: Services) -> None:
    restart(fed, "fed1-wk-h1", slow=10)
    fed.said.clear()
    wait.wait_up(fed.pusher, timeout=60)
    assert len(fed.said) == 1
    assert ENGINE in fed.said[0]


class Clock:
    """Each look at it is a second later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_progress_of_a_long_job_names_what_is_waited_for_and_since_when(fed: Services) -> None:
    restart(fed, "fed1-wk-h1", slow=10)
    fed.said.clear()
    progress = wait.JobProgress(fed.pusher, clock=Clock())
    for _ in range(100):
        progress("waiting for fed1-ms")
    assert fed.said[0] == "waiting for fed1-ms"
    first, *later = [said for said in fed.said if ENGINE in said]
    assert first.startswith(f"waiting for fed1-ms; {ENGINE}: ")
    assert first.endswith("(for 0 s)")
    assert later[-1].endswith("s)")
    assert not later[-1].endswith("(for 0 s)")
    assert fed.said[-1] == "waiting for fed1-ms"  # it serves
    # neither each call nor each look is a line
    assert len(fed.said) < jobs(fed, "federation_node.services")


def test_progress_of_a_long_job_names_a_few_services_and_how_many_more(fed: Services) -> None:
    restart(fed, *fed.federation.ids, slow=1000)
    fed.said.clear()
    progress = wait.JobProgress(fed.pusher, clock=Clock())
    for _ in range(20):
        progress("waiting for fed1-ms")
    assert fed.said[-1].count(" (for ") == 3
    _, waiting = wait.wait_up(fed.pusher, timeout=0)
    assert fed.said[-1].endswith(f"and {len(waiting) - 3} more")


def test_a_look_that_fails_does_not_end_the_job_and_is_reported(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed.down = {MASTER}
    progress = wait.JobProgress(fed.pusher, clock=Clock())
    for _ in range(20):
        progress("waiting for fed1-ms")
    assert "services: unknown (" in fed.said[-1]


def test_a_deployment_that_replaces_engines_shows_it_while_its_job_runs(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "LOOK_INTERVAL", 0.0)
    asked = fed.ask

    def ask(function: str, targets: Any, *arguments: Any, **keywords: Any) -> Any:
        answers = asked(function, targets, *arguments, **keywords)
        if function in ("federation_node.enforce", "federation_node.apply_states"):
            keywords["progress"]("waiting for fed1-ms")  # as the job does, every few seconds
        return answers

    monkeypatch.setattr(fed, "ask", ask)
    lifecycle.remove(fed.pusher, node="h1")
    fed.slow = 5
    fed.said.clear()
    deploy.deploy(fed.pusher)
    lines = [said for said in fed.said if said.startswith("waiting for fed1-ms; ")]
    assert [ENGINE in line for line in lines] == [True]


@pytest.mark.parametrize("serving", [False, None])
def test_a_refused_port_is_waited_for_and_a_silent_one_is_not(
    fed: Services, monkeypatch: pytest.MonkeyPatch, *, serving: bool | None
) -> None:
    observed = fed._services

    def with_port(node: str, *arguments: Any, **more: Any) -> Any:
        value = observed(node, *arguments, **more)
        value["services"]["frontend"] |= {"serving": serving, "port_error": "port 80 of a-host"}
        return value

    monkeypatch.setattr(fed, "_services", with_port)
    view, waiting = wait.wait_up(fed.pusher, timeout=0)
    expected = {"frontend": "it runs, but does not serve yet (port 80 of a-host)"}
    assert waiting == (expected if serving is False else {})
    assert view.silent() == ({} if serving is False else {"frontend": "port 80 of a-host"})


class Replacing(Services):
    """The task of one engine is another one at each observation, up to so many."""

    replaced = 0

    def _services(self, *arguments: Any, **keywords: Any) -> Any:
        value = super()._services(*arguments, **keywords)
        task = self.tasks.get(ENGINE)
        if self.replaced and task is not None:
            self.replaced -= 1
            task.id += "'"
        return value


@pytest.fixture
def dying(tmp_path: Path) -> Replacing:
    fed = with_data(Replacing(tmp_path))
    commands.consolidate(fed.pusher, Options())
    deploy.deploy(fed.pusher)
    fed.asked.clear()
    return fed


WANTED = {"dementia": {"edsd": ("fed1-wk-h1",), "ppmi": ("fed1-wk-h2",)}}


def test_what_is_served_is_observed_twice_with_the_same_tasks(dying: Replacing) -> None:
    dying.replaced = 5
    assert wait.wait_served(dying.pusher, WANTED, 60)[0] == ()
    assert jobs(dying, "federation_node.services") == 5 + 1 + CONFIRMED


def test_services_that_are_up_are_observed_twice_with_the_same_tasks(dying: Replacing) -> None:
    dying.replaced = 5
    assert wait.wait_up(dying.pusher, timeout=60)[1] == {}
    assert jobs(dying, "federation_node.services") == 5 + 1 + CONFIRMED


def test_an_engine_that_ends_again_and_again_is_named(dying: Replacing) -> None:
    dying.replaced = 10**6
    why = "it restarted while it was observed"
    assert wait.wait_served(dying.pusher, WANTED, 0)[0] == (f"{ENGINE}: {why}",)
    assert wait.wait_up(dying.pusher, timeout=0)[1] == {ENGINE: why}


def test_where_nothing_restarted_an_earlier_observation_counts(fed: Services) -> None:
    first = client.observe_services(fed.pusher)
    fed.asked.clear()
    assert wait.wait_served(fed.pusher, WANTED, 60, first=first)[0] == ()
    assert jobs(fed, "federation_node.services") == 1
    restart(fed, "fed1-wk-h1", slow=0)
    assert wait.wait_served(fed.pusher, WANTED, 60, first=first)[0] == ()
    assert jobs(fed, "federation_node.services") == 1 + CONFIRMED


def test_an_engine_without_a_task_does_not_serve_whatever_its_keys_tell(fed: Services) -> None:
    """The master's list of engines and the keystore are those of a moment ago."""
    observed = fed._services

    def before_it_was_noticed(*arguments: Any, **keywords: Any) -> Any:
        value = observed(*arguments, **keywords)
        value["services"][ENGINE] |= {"up": False, "serving": False, "error": "exit code 137"}
        return value

    fed._services = before_it_was_noticed  # type: ignore[method-assign]
    assert wait.wait_served(fed.pusher, WANTED, 0)[0] == (f"{ENGINE}: exit code 137",)


def test_a_task_that_ends_at_once_never_counts_as_up() -> None:
    assert START_PERIOD > docker_api.RESTART_DELAY / 1e9
