"""What Salt's master knows of a node: from the files and caches in which it really keeps it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import salt.cache
import salt.config
import salt.utils.crypt

from saltext_mip.bridge import presence
from saltext_mip.bridge.presence import MASTER_SOCKET, Presence, connection
from saltext_mip.pusher.reachability import Evidence, Key
from tests.support.minion_keys import minion_key
from tests.support.mounts import broken_disk

NODE, OTHER = "fed1-wk-h1", "fed1-wk-h2"
SILENT = Evidence("federation_node.status", "silent")


@pytest.fixture
def opts(tmp_path: Path) -> dict[str, Any]:
    for name in ("pki", "cache", "run"):
        (tmp_path / name).mkdir()
    return {
        **salt.config.master_config("/nonexistent"),
        "pki_dir": str(tmp_path / "pki"),
        "cachedir": str(tmp_path / "cache"),
        "sock_dir": str(tmp_path / "run"),
        "publish_port": 1,
    }


def of(opts: dict[str, Any], addresses: dict[str, str] | None = None) -> Presence:
    keys = salt.cache.Cache(opts, driver=opts["keys.cache_driver"])
    return Presence(opts, keys, addresses or {})


def put(opts: dict[str, Any], folder: str, node: str, pem: str) -> Path:
    path = Path(opts["pki_dir"]) / folder / node
    path.parent.mkdir(exist_ok=True)
    path.write_text(pem)
    return path


def finger(path: Path) -> str:
    """As ``key.finger`` shows it on the node."""
    return str(salt.utils.crypt.pem_finger(path=str(path)))


@pytest.mark.parametrize(
    ("folder", "state"),
    [("minions", "accepted"), ("minions_pre", "pending"), ("minions_rejected", "rejected")],
)
def test_a_key_has_its_state_and_the_fingerprint_that_the_node_shows(
    opts: dict[str, Any], folder: str, state: Any
) -> None:
    path = put(opts, folder, NODE, minion_key(NODE).public)
    assert of(opts).key(NODE) == Key(state, finger(path))


def test_no_key_is_known_as_none(opts: dict[str, Any]) -> None:
    assert of(opts).key(NODE) == Key("none")


def test_a_denied_key_is_told_from_the_accepted_one(opts: dict[str, Any]) -> None:
    accepted = put(opts, "minions", NODE, minion_key(NODE).public)
    denied = put(opts, "minions_denied", NODE, minion_key(OTHER).public)
    os.utime(denied, (1000, 1000))
    when = datetime.fromtimestamp(1000, UTC)
    assert of(opts).key(NODE) == Key("accepted", finger(accepted), finger(denied), when)
    put(opts, "minions_denied", NODE, minion_key(NODE).public)  # accepted since then
    assert of(opts).key(NODE) == Key("accepted", finger(accepted))


ONE, TWO = {"10.0.0.1"}, {"10.0.0.2"}
SHARED = {"127.0.0.1", "172.17.0.1"}


@pytest.mark.parametrize(
    ("connected", "own", "other", "found"),
    [
        (ONE, ONE, TWO, True),
        (TWO, ONE, TWO, False),
        (set(), ONE, TWO, False),
        (ONE | TWO, ONE | SHARED, TWO | SHARED, True),
        (SHARED, ONE | SHARED, TWO | SHARED, None),  # one of both
        (TWO, ONE | SHARED, TWO | SHARED, False),
        (TWO | {"192.0.2.1"}, ONE, TWO, None),  # maybe a router before it
        (None, ONE, TWO, None),
    ],
)
def test_a_connection_is_told_by_an_address_of_this_node_alone(
    connected: set[str] | None, own: set[str], other: set[str], found: bool | None
) -> None:
    known = None if connected is None else frozenset(connected)
    assert connection(NODE, {NODE: own, OTHER: other}, known) is found


@pytest.fixture
def port() -> Iterator[int]:
    """A port to which 127.0.0.2 is connected."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        one = socket.create_connection(("127.0.0.1", number), source_address=("127.0.0.2", 0))
        with one, server.accept()[0]:
            yield number


def test_connections_are_those_of_the_machine(opts: dict[str, Any], port: int) -> None:
    addresses = {NODE: "127.0.0.2", OTHER: "127.0.0.3"}
    facts = of({**opts, "publish_port": port}, addresses)
    found = facts.completed({NODE: SILENT, OTHER: SILENT})
    assert (found[NODE].connected, found[OTHER].connected) == (True, False)
    assert found[NODE].addresses == ("127.0.0.2",)


def test_the_last_contact_is_the_later_of_salts_and_ours(opts: dict[str, Any]) -> None:
    start = Path(opts["sock_dir"]) / MASTER_SOCKET
    start.touch()
    os.utime(start, (5000, 5000))
    cache = salt.cache.Cache(opts)
    cache.store("grains", NODE, {"ipv4": ["10.0.0.1"]})
    os.utime(Path(opts["cachedir"]) / "grains" / f"{NODE}.p", (4000, 4000))
    facts = of(opts)
    found = facts.completed({NODE: SILENT, OTHER: SILENT})
    assert found[NODE].contact == datetime.fromtimestamp(4000, UTC)
    assert found[NODE].started == datetime.fromtimestamp(5000, UTC)
    assert found[OTHER].contact is None
    later = datetime.fromtimestamp(6000, UTC)
    facts = Presence(opts, facts._keys, {}, lambda: {NODE: later})
    assert facts.completed({NODE: SILENT})[NODE].contact == later


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"job_cache": False}, "job_cache is off"),
        ({"ext_job_cache": "redis"}, "ext_job_cache is redis"),
        ({}, "no minion is connected to its port 1"),
    ],
)
def test_what_is_in_the_way_on_the_pusher_is_named(
    opts: dict[str, Any], changed: dict[str, Any], text: str
) -> None:
    assert text in "; ".join(of({**opts, **changed}).faults())


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_disk_of_the_pusher_that_takes_no_answer_is_named(opts: dict[str, Any], how: Any) -> None:
    with broken_disk(Path(opts["cachedir"]), how):
        (fault, *_) = of(opts).faults()
    assert fault.startswith(f"{opts['cachedir']} cannot be written: ")


def test_where_connections_cannot_be_listed_nothing_is_concluded(
    opts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(port: int) -> set[str]:
        raise OSError("no ss, no /proc")

    monkeypatch.setattr(presence.salt.utils.network, "local_port_tcp", fail)
    assert of(opts, {NODE: "10.0.0.1"}).completed({NODE: SILENT})[NODE].connected is None
