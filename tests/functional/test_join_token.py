"""Which node the external pillar gives the Swarm's join token, and that this is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from saltfactories.utils.loader import LoaderModuleMock

from saltext_mip.generations.overrides import Override
from saltext_mip.generations.store import Store
from saltext_mip.pillar import mip as external
from saltext_mip.pusher.services import join_token
from saltext_mip.secret import Secret
from saltext_mip.storage.state import JOIN

NODES = {
    "fed1-ms": {"role": "master", "address": "10.0.0.1"},
    "fed1-wk-h1": {"role": "worker", "address": "10.0.1.1"},
}
SWARM = {"swarms": {"fed1": "cluster1"}}  # no secret: by it a node knows whose Swarm it is in
PILLAR: dict[str, Any] = {"mip": {"federations": {"fed1": {"nodes": NODES}}}}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The pusher's state, with a token; the node reports that it is in no Swarm."""
    folder = tmp_path / "var/lib/mip/fed1"
    join_token.keep(folder, Secret("SWMTKN"), "cluster1")
    dunders = {"__opts__": {"root_dir": str(tmp_path)}, "__grains__": {"mip_swarm": "out"}}
    with LoaderModuleMock({external: dunders}):
        yield folder


def test_a_node_that_is_out_gets_it_and_it_is_used_then(state: Path) -> None:
    assert not join_token.used(state)
    given = external.ext_pillar("fed1-wk-h1", PILLAR)
    assert given == {"mip": {"secrets": {"fed1": {"join": "SWMTKN"}}, **SWARM}}
    assert join_token.used(state)
    assert b"SWMTKN" not in (state / "join-used.json").read_bytes()
    join_token.keep(state, Secret("SWMTKN-next"), "cluster1")
    assert not join_token.used(state)


def test_a_disabled_node_and_a_foreign_minion_get_none(state: Path) -> None:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    Store(state).disable("fed1-wk-h1", Override("anna", when, "moved"))
    assert external.ext_pillar("fed1-wk-h1", PILLAR) == {"mip": SWARM}
    assert external.ext_pillar("fed2-wk-h1", PILLAR) == {}
    assert not join_token.used(state)


def test_what_cannot_be_recorded_or_read_is_not_given(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(join_token, "write_state", full)
    assert external.ext_pillar("fed1-wk-h1", PILLAR) == {"mip": SWARM}
    (state / JOIN).write_bytes(b"{")
    assert external.ext_pillar("fed1-wk-h1", PILLAR) == {}
