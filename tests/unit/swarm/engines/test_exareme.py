"""The client of exareme against the stand-in's own answers, and against others'."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.swarm.engines.exareme import MAX_SIZE, Exareme
from saltext_mip.swarm.engines.interface import Health, Served, differences
from tests.federation.scratch import write_database
from tests.support.bad_server import HEAD, MB, body, bomb, serving
from tests.support.engine.queries import PREFIX, Queries
from tests.support.engine.service import Answer, server

ENGINE = Exareme()
MASTER = "fed1-ms"
ADDRESSES = {MASTER: ("10.0.0.2",), "fed1-wk-h1": ("10.0.0.3",), "fed1-wk-h2": ("10.0.0.4",)}


class Master:
    """A master that listens; ``keys`` and ``active`` are edited by tests, ``answer`` by paths."""

    def __init__(self, data: Path) -> None:
        self.active = {node: addresses[0] for node, addresses in ADDRESSES.items()}
        self.keys = {f"master/{MASTER}": "10.0.0.2", f"active_workers/{MASTER}": "10.0.0.2"}
        for node in ("fed1-wk-h1", "fed1-wk-h2"):
            self.keys[f"active_workers/{node}"] = self.active[node]
        self.keys["data/fed1-wk-h1/dementia"] = '["edsd", "a b"]'
        self.keys["data/fed1-wk-h2/dementia"] = '["edsd", "ppmi"]'
        queries = Queries(MASTER, data, lambda: self.keys, lambda: self.active, lambda _: {})
        self.answers: dict[tuple[str, str], Answer] = {
            ("POST", PREFIX + "HEALTH_CHECK"): queries.health_check,
            ("POST", PREFIX + "LIST_VARIABLES"): queries.list_variables,
        }
        self.server: ThreadingHTTPServer = server(0, self.answers)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def health(self, **options: Any) -> Health:
        return ENGINE.health(port=self.port, **options)

    def prove(self) -> Served:
        return ENGINE.prove(MASTER, self.keys, ADDRESSES, self.health(), port=self.port)

    def answer(self, query: str, code: int, value: object) -> None:
        self.answers["POST", PREFIX + query] = lambda _: (code, value)


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    write_database(tmp_path / "dementia/datasets.db", [], ["edsd", "ppmi"])
    made = Master(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_what_is_announced_by_registered_workers_and_answered_is_served(master: Master) -> None:
    assert master.prove() == Served(
        ("fed1-wk-h1", "fed1-wk-h2"),
        # 'a b' is announced, and the engine looks for 'ab'
        {"dementia": {"edsd": ("fed1-wk-h1", "fed1-wk-h2"), "ppmi": ("fed1-wk-h2",)}},
    )


def test_a_worker_that_is_reached_and_not_registered_serves_nothing(master: Master) -> None:
    del master.keys["active_workers/fed1-wk-h2"]
    served = master.prove()
    assert served.active == ("fed1-wk-h1",)
    assert served.datasets == {"dementia": {"edsd": ("fed1-wk-h1",)}}


def test_a_key_that_outlived_its_engine_proves_nothing(master: Master) -> None:
    master.keys["active_workers/fed1-wk-h2"] = "10.0.0.99"
    assert master.prove().active == ("fed1-wk-h1",)
    master.keys[f"master/{MASTER}"] = "10.0.0.99"
    served = master.prove()
    assert served.datasets is None
    assert not served.unknown


def test_a_worker_that_is_registered_and_not_reached_serves_nothing(master: Master) -> None:
    del master.active["fed1-wk-h2"]
    assert master.prove().active == ("fed1-wk-h1",)


def test_a_pathology_that_the_master_has_not_read_is_not_served(master: Master) -> None:
    master.prove()
    master.keys["data/fed1-wk-h1/tbi"] = '["one"]'
    served = master.prove()
    assert served.datasets is not None
    assert "tbi" not in served.datasets


@pytest.mark.parametrize(
    ("code", "value", "what"),
    [
        (200, "<html>a proxy</html>", "a proxy"),
        (200, {"active_nodes": ["fed1-ms"]}, "active_nodes"),
        (200, [], "200"),
        (404, {}, "404"),
        (502, "bad gateway", "502"),
    ],
)
def test_answers_of_another_kind_are_unknown_not_no(
    master: Master, code: int, value: Any, what: str
) -> None:
    master.answer("HEALTH_CHECK", code, value)
    served = master.prove()
    assert served.unknown
    assert served.datasets is None
    assert what in served.error
    master.answer("HEALTH_CHECK", 200, {"active_nodes": "fed1-ms, fed1-wk-h1"})
    if code != 200:
        master.answer("LIST_VARIABLES", code, value)
        assert master.prove().unknown


def test_a_time_out_is_unknown_and_a_refused_connection_is_not(master: Master) -> None:
    never = threading.Event()
    master.answers["POST", PREFIX + "HEALTH_CHECK"] = lambda _: (never.wait(2), (200, {}))[1]
    assert master.health(timeout=0.2).unknown
    never.set()
    master.server.shutdown()
    master.server.server_close()
    found = master.health()
    assert "refused" in found.error
    assert not found.unknown


def test_an_answer_that_drips_inflates_or_leads_elsewhere_is_unknown() -> None:
    with serving(body(b"{}")) as other, serving(lambda _: None) as server:
        answers = {
            "no answer to HEALTH_CHECK within 0.5 s": lambda sock: server.drip(
                sock, HEAD + b"\r\n", b" "
            ),
            f"larger than {MAX_SIZE} bytes": body(bomb(MAX_SIZE + MB), "Content-Encoding: gzip"),
            "is a redirect": body(b"", f"Location: {other.url}", status="307 There"),
        }
        for reason, answer in answers.items():
            server.answer = answer
            timeout = 0.5 if "0.5" in reason else 60.0
            found = ENGINE.health(port=server.port, timeout=timeout)
            assert found.unknown
            assert reason in found.error
        assert other.requests == []


def test_what_it_answers_is_shown_without_control_characters(master: Master) -> None:
    master.answer("HEALTH_CHECK", 200, {"\x1b[31m": "x" * 1000})
    found = master.health()
    assert "\x1b" not in found.error
    assert len(found.error) < 300


@pytest.mark.parametrize(
    ("kind", "name", "dropped"),
    [
        ("dataset", 'a.b_c~*><=&|(){}:"-', ""),
        ("dataset", "a b", " "),
        ("dataset", "caffè", "è"),
        ("dataset", "q'uote/", "'/"),
        ("dataset", "a+[b]", "+[]"),
        ("variable", "a+[b]", ""),
        ("pathology", "mental health", " "),
        ("pathology", "dementia", ""),
    ],
)
def test_names_with_characters_that_are_dropped_cannot_be_served(
    kind: Any, name: str, dropped: str
) -> None:
    assert ENGINE.dropped(kind, name) == dropped


def test_the_datasets_that_a_cde_lists_are_no_part_of_what_a_master_keeps() -> None:
    def cde(label: str, *codes: str) -> bytes:
        dataset = {"code": "dataset", "label": label, "enumerations": [{"code": c} for c in codes]}
        return json.dumps({"code": "dementia", "variables": [dataset]}).encode()

    assert ENGINE.cde_digest(cde("D", "a")) == ENGINE.cde_digest(cde("D", "a", "b"))
    assert ENGINE.cde_digest(cde("D", "a")) != ENGINE.cde_digest(cde("E", "a"))
    assert ENGINE.cde_digest(b"{") != ENGINE.cde_digest(b"[")


def test_what_is_not_served_is_named() -> None:
    wanted = {"dementia": {"edsd": ("h1", "h2")}, "tbi": {"demo": ("h2",)}}
    assert differences(wanted, Served(("h1",), wanted)) == ()
    served = Served(("h1",), {"dementia": {"edsd": ("h1",), "old": ("h1",)}})
    assert differences(wanted, served) == (
        "dementia, dataset edsd: not served by h2",
        "dementia, dataset old: still served by h1",
        "tbi, dataset demo: not served by h2",
    )
    assert differences(wanted, served, apart_from={"h1"}) == (
        "dementia, dataset edsd: not served by h2",
        "tbi, dataset demo: not served by h2",
    )
    assert differences(wanted, Served(error="no word")) == ("the engine is not serving: no word",)
    assert Served.from_wire(served.wire()) == served
