"""Drain a node of a federation of folders: its engine stops, and automation leaves it so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.errors import Misuse, Refused
from saltext_mip.pusher import nodes, refresh
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.generations.show import show
from saltext_mip.pusher.services import drain, lifecycle
from saltext_mip.pusher.services.deploy import deploy
from tests.support.commands import events
from tests.support.services import Services

NODE = "fed1-wk-h1"
ENGINE = f"{NODE}_exareme"
KEYSTORE = "fed1-ms_exareme-keystore"
MASTER = "fed1-ms_exareme-master"
NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)


def at(fed: Services, when: datetime = NOON) -> Pusher:
    return replace(fed.pusher, now=lambda: when)


def run(pusher: Pusher, name: str | None = "h1", **how: Any) -> Any:
    return to_builtins(drain.drain(pusher, name, **how))


def recorded(fed: Services) -> list[tuple[str, str, str]]:
    found = events(fed.pusher, 0)["events"]
    return [(each["what"], each["about"], each["message"]) for each in found]


def test_a_drained_node_keeps_its_datasets_listed_and_not_available(fed: Services) -> None:
    done = run(at(fed), until="2h", reason="new memory")
    assert (done["changed"], "retcode" in done) == (True, False)
    drained = done["nodes"][NODE]["drained"]
    assert drained["until"] == "2027-01-01T14:00:00+00:00"
    assert (drained["actor"], drained["reason"]) == ("operator", "new memory")
    assert ENGINE not in fed.running()
    assert any(note.startswith(f"These datasets of {NODE} remain listed") for note in done["notes"])
    result = to_builtins(refresh.refresh(at(fed)))
    assert "retcode" not in result
    (away,) = {each["reason"] for each in result["unavailable"] if each["node"] == NODE}
    assert away == ("its node is drained by operator until 2027-01-01 14:00 UTC: new memory")
    assert NODE in str(to_builtins(fed.pusher.store.last().pathologies))  # type: ignore[union-attr]
    assert ENGINE not in fed.running()
    text = "until 2027-01-01 14:00 UTC: new memory"
    assert ("drained", NODE, text) in recorded(fed)


@pytest.mark.parametrize("how", ["refresh", "deploy", "start", "stop"])
def test_nothing_but_its_own_end_starts_it(fed: Services, how: str) -> None:
    run(at(fed))
    match how:
        case "refresh":
            refresh.refresh(at(fed, NOON + timedelta(days=400)))
        case "deploy":
            deploy(fed.pusher, node=None, dry_run=False, timeout=300)
        case "start":
            lifecycle.start(fed.pusher)
        case "stop":
            lifecycle.stop(fed.pusher)
            lifecycle.start(fed.pusher)
    assert ENGINE not in fed.running()
    assert to_builtins(nodes.list_nodes(fed.pusher))["nodes"][NODE]["drained"]["until"] is None
    lifecycle.start(fed.pusher, node="h1")
    assert ENGINE in fed.running()
    assert "drained" not in to_builtins(nodes.list_nodes(fed.pusher))["nodes"][NODE]


def test_undrain_starts_it_and_a_second_one_changes_nothing(fed: Services) -> None:
    run(at(fed))
    done = to_builtins(drain.undrain(at(fed), "h1"))
    assert (done["changed"], "retcode" in done) == (True, False)
    assert ENGINE in fed.running()
    assert recorded(fed)[-1] == ("undrained", NODE, "")
    again = to_builtins(drain.undrain(at(fed), "h1"))
    assert (again["changed"], again["plan"][0]["reason"]) == (False, "not drained")


def test_a_refresh_starts_it_when_its_time_has_ended(fed: Services) -> None:
    run(at(fed), until="2h")
    fed.requests.clear()
    refresh.refresh(at(fed, NOON + timedelta(minutes=119)))
    assert ENGINE not in fed.running()
    late = NOON + timedelta(minutes=121)
    plan = to_builtins(refresh.plan_refresh(at(fed, late)))["plan"]
    assert ("undrain", NODE) in [(item["action"], item["thing"]) for item in plan]
    assert ENGINE not in fed.running()
    done = to_builtins(refresh.refresh(at(fed, late)))
    assert ENGINE in fed.running()
    assert (done["served"], "unavailable" in done and done["unavailable"]) == (True, [])
    text = "operator drained it until 2027-01-01 14:00 UTC"
    assert ("undrained", NODE, text) in recorded(fed)
    assert fed.pusher.store.drained() == {}


def test_a_disabled_node_is_not_started_by_the_end_of_a_drain(fed: Services) -> None:
    run(at(fed), until="2h")
    nodes.disable(fed.pusher, "h1", None, dry_run=False)
    late = NOON + timedelta(hours=3)
    assert drain.expired(fed.pusher.store, late) == {}
    refresh.refresh(at(fed, late))
    assert ENGINE not in fed.running()


def test_a_dry_run_changes_nothing(fed: Services) -> None:
    done = run(at(fed), until="2h", dry_run=True)
    assert (done["dry_run"], done["changed"]) == (True, False)
    assert [(item["action"], item["thing"]) for item in done["plan"]] == [
        ("drain", NODE),
        ("update", ENGINE),
    ]
    assert ENGINE in fed.running()
    assert fed.overrides == {}
    assert fed.pusher.store.drained() == {}
    run(at(fed))
    plan = to_builtins(drain.undrain(at(fed), "h1", dry_run=True))["plan"]
    assert plan[0]["action"] == "undrain"
    assert ENGINE not in fed.running()


def test_the_master_is_drained_without_its_keystore(fed: Services) -> None:
    done = run(at(fed), "ms")
    assert done["notes"][0] == "All datasets remain listed, and are not available until then."
    assert fed.running() >= {KEYSTORE}
    assert MASTER not in fed.running()


def test_what_cannot_be_drained(fed: Services) -> None:
    for name, why in ((None, "needs a node"), ("ui", "has no engine")):
        with pytest.raises(Misuse, match=why):
            run(at(fed), name)
    for until in ("2027-01-01 11:00", "yesterday", "-2h"):
        with pytest.raises(Misuse, match="a moment to come"):
            run(at(fed), until=until)
    lifecycle.stop(fed.pusher, node="h1")
    with pytest.raises(Refused, match="its services are stopped by operator"):
        run(at(fed))


def test_show_tells_of_it(fed: Services) -> None:
    run(at(fed), until="2h", reason="new memory")
    then = to_builtins(show(replace(fed.pusher, now=lambda: NOON + timedelta(days=1)), at="1h"))
    (out,) = then["unavailable"]
    assert out["node"] == NODE
    assert out["reason"].startswith("drained by operator: until 2027-01-01 14:00 UTC")


@pytest.mark.parametrize("how", ["deploy", "start", "stop"])
def test_show_tells_of_it_until_it_ends(fed: Services, how: str) -> None:
    def unavailable() -> dict[str, str]:
        later = replace(fed.pusher, now=lambda: NOON + timedelta(days=1))
        then = to_builtins(show(later, at="1h"))
        return {each["node"]: each["reason"] for each in then["unavailable"]}

    run(at(fed))
    lifecycle.stop(at(fed), node="h2")
    match how:
        case "deploy":
            deploy(at(fed), node=None, dry_run=False, timeout=300)
            assert unavailable()["fed1-wk-h2"] == "services stopped by operator"
        case "start":
            lifecycle.start(at(fed))
            assert "fed1-wk-h2" not in unavailable()
        case "stop":
            lifecycle.stop(at(fed))
            assert unavailable()[""] == "services stopped by operator"
            lifecycle.start(at(fed))
    assert unavailable()[NODE] == "drained by operator: until mip.undrain"
    lifecycle.start(at(fed), node="h1")
    assert NODE not in unavailable()


def test_show_tells_of_removed_services_until_they_are_deployed(fed: Services) -> None:
    later = replace(fed.pusher, now=lambda: NOON + timedelta(days=1))
    run(at(fed))
    lifecycle.remove(at(fed))
    (out,) = to_builtins(show(later, at="1h"))["unavailable"]
    assert (out["node"], out["reason"]) == ("", "services removed by operator")
    deploy(at(fed), node=None, dry_run=False, timeout=300)
    assert to_builtins(show(later, at="1h"))["unavailable"] == []
