"""Asking real minions: who is missing and why, large values, and answers that nobody can forge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import salt.channel.client
import salt.config
import salt.crypt
import salt.utils.event

from saltext_mip.bridge.jobs import Nodes
from saltext_mip.pusher.reachability import UNCERTAIN
from tests.support.local import PUSHER, LocalFederation

WORKERS = 2


@pytest.fixture(scope="module")
def nodes(fed: LocalFederation) -> Iterator[Nodes]:
    opts = salt.config.master_config(str(fed.hosts[PUSHER].config / "master"))
    with Nodes(opts, timeout=60) as asking:
        yield asking


def test_all_answer_with_their_values(fed: LocalFederation, nodes: Nodes) -> None:
    answers = nodes.ask("test.echo", fed.nodes(), ["$(id) {{ 7*7 }}"])
    assert dict(answers.values) == dict.fromkeys(fed.nodes(), "$(id) {{ 7*7 }}")
    assert not answers.missing
    assert not answers.failed


def test_an_error_of_a_function_is_a_failure_in_its_words(nodes: Nodes) -> None:
    answers = nodes.ask("mip.cde", ["fed1-ms"], ["nowhere"])
    assert answers.failed == {"fed1-ms": "CDEsMetadata.json of 'nowhere' not found on this node."}
    answers = nodes.ask("nosuch.function", ["fed1-ms"])
    assert "nosuch.function" in answers.failed["fed1-ms"]


def test_a_name_without_an_accepted_key_is_missing_at_once(nodes: Nodes) -> None:
    answers = nodes.ask("test.ping", ["fed1-ms", "fed1-wk-nobody"])
    assert answers.values == {"fed1-ms": True}
    assert "no accepted key" in answers.missing["fed1-wk-nobody"]
    assert answers.reasons["fed1-wk-nobody"].rule == "KeyMissing"


def test_a_busy_minion_is_waited_for_and_a_dead_one_is_not(
    fed: LocalFederation, nodes: Nodes
) -> None:
    fed.kill("fed1-wk-h2")
    try:
        answers = nodes.ask("test.sleep", ["fed1-wk-h1", "fed1-wk-h2"], [9])
    finally:
        fed.start_node("fed1-wk-h2")
    assert answers.values == {"fed1-wk-h1": True}
    assert {node: each.rule for node, each in answers.reasons.items()} == {
        "fed1-wk-h2": "NodeSilent"
    }


def test_the_deadline_holds(nodes: Nodes) -> None:
    answers = nodes.ask("test.sleep", ["fed1-wk-h1"], [30], timeout=3)
    assert set(answers.missing) == {"fed1-wk-h1"}
    assert answers.reasons["fed1-wk-h1"].rule in UNCERTAIN


def test_an_answer_of_several_pages_arrives_whole(fed: LocalFederation, nodes: Nodes) -> None:
    # what deflate cannot shrink: as many headers of random names as make some megabytes
    state, names = 1, []
    for _ in range(120_000):
        state = state * 6364136223846793005 % 2**64
        names.append(f"c{state:016x}")
    for number in range(40):
        columns = ",".join(names[number * 3000 : (number + 1) * 3000])
        fed.write_data("fed1-wk-h1", "large", f"f{number:02}.csv", f"dataset,{columns}\n".encode())
    federation = _declared(fed)
    answers = nodes.ask(
        "federation_node.inventory", ["fed1-wk-h1"], [federation.name, federation.digest]
    )
    assert not answers.failed
    (large,) = answers.values["fed1-wk-h1"]["inventory"]["pathologies"]
    assert len(large["files"]) == 40
    headers = answers.values["fed1-wk-h1"]["inventory"]["headers"]
    assert [name for header in headers for name in header if name != "dataset"] == names


def test_what_another_minion_says_on_the_bus_is_not_believed(
    fed: LocalFederation, nodes: Nodes
) -> None:
    found: list[Any] = []

    def ask() -> None:
        with Nodes(nodes.opts, timeout=60) as own:
            found.append(own.ask("test.sleep", ["fed1-wk-h2"], [8]))

    asking = threading.Thread(target=ask)
    with salt.utils.event.get_event("master", opts=nodes.opts, listen=True) as bus:
        asking.start()
        jid = _seen(bus, lambda tag, data: tag.endswith("/new") and data["fun"] == "test.sleep")
        tag = f"salt/job/{jid}/ret/fed1-wk-h2"
        facts = {"fun": "test.sleep", "retcode": 0, "success": True}
        forged = {"id": "fed1-wk-h2", "jid": jid, "return": "forged", **facts}
        _send(fed, "fed1-wk-h1", tag, forged)
        # it is there for whoever believes the bus
        assert _seen(bus, lambda seen, data: seen == tag and data["return"] == "forged") == jid
    asking.join()
    assert found[0].values == {"fed1-wk-h2": True}


def _seen(bus: Any, fits: Callable[[str, Any], bool]) -> Any:
    """The job's id of the first event that fits."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        event = bus.get_event(wait=1, tag="salt/job/", full=True)
        if event and fits(event["tag"], event["data"]):
            return event["data"]["jid"]
    raise AssertionError("there was no such event")


def _send(fed: LocalFederation, host: str, tag: str, data: Any) -> None:
    """As a beacon does it: of this form the master attests nothing, not even who sends."""
    opts = salt.config.minion_config(str(fed.hosts[host].config / "minion"))
    opts["master_ip"] = opts["master"]
    opts["master_uri"] = f"tcp://{opts['master']}:{opts['master_port']}"
    with salt.channel.client.ReqChannel.factory(opts) as channel:
        channel.send(
            {
                "id": opts["id"],
                "cmd": "_minion_event",
                "pretag": None,
                "tok": salt.crypt.SAuth(opts).gen_token(b"salt"),
                "data": {},
                "events": [{"tag": tag, "data": data}],
            }
        )


def test_two_ask_at_once_and_each_gets_its_own(nodes: Nodes, fed: LocalFederation) -> None:
    found: dict[int, Any] = {}

    def ask(number: int) -> None:
        with Nodes(nodes.opts, timeout=60) as own:
            found[number] = own.ask("test.echo", fed.workers(), [str(number)]).values

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: dict.fromkeys(fed.workers(), str(number)) for number in range(3)}


def _declared(fed: LocalFederation) -> Any:
    from saltext_mip.federation import federations

    return federations({"mip": {"federations": {"fed1": fed.pillar()}}})["fed1"]
