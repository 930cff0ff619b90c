"""Roles follow the last generation; what became of it is remembered. The server is a real one
elsewhere (tests/functional/keycloak): here nobody answers at its address."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.errors import MipError, Misuse, Refused
from saltext_mip.pusher import roles
from saltext_mip.pusher.consolidate import Options, consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde, rows

NOWHERE = {
    "server_url": "http://127.0.0.1:9",
    "realm": "MIP",
    "client_id": "fed1",
    "admin_username": "admin",
    "admin_password": "canary-4711",
}


@pytest.fixture
def declared(tmp_path: Path) -> Folders:
    made = Folders(tmp_path, workers=1, keycloak=NOWHERE)
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", cde())
    made.write("fed1-wk-h1", "dementia", "edsd.csv", rows("edsd"))
    return made


def test_without_a_keycloak_the_key_is_named(fed: Folders) -> None:
    assert not roles.configured(fed.pusher)
    with pytest.raises(Misuse, match="mip:federations:fed1:keycloak"):
        roles.sync_roles(fed.pusher)


def test_before_the_first_generation_there_is_nothing_to_give(declared: Folders) -> None:
    with pytest.raises(Refused, match=r"mip\.consolidate"):
        roles.sync_roles(declared.pusher)


def test_a_server_that_is_away_is_remembered_with_since_and_attempts(declared: Folders) -> None:
    consolidate(declared.pusher, Options())
    for _ in range(2):
        with pytest.raises(MipError) as caught:
            roles.sync_roles(declared.pusher, timeout=0)
        assert not caught.value.permanent
    state = roles.RolesState.load(declared.pusher.state)
    assert state is not None
    assert (state.ok, state.generation, state.attempts, state.permanent) == (False, 1, 2, False)
    assert "127.0.0.1:9" in state.message
    text = "".join(
        path.read_text("utf-8", "replace")
        for path in declared.pusher.state.rglob("*")
        if path.is_file()
    )
    assert "canary-4711" not in text + str(caught.value) + "".join(declared.said)
