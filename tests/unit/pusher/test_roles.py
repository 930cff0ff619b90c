"""Roles follow the last generation; what became of it is remembered. The server is a real one
elsewhere (tests/functional/keycloak): here nobody answers at its address."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from saltext_mip.errors import Busy, MipError, Misuse, Refused
from saltext_mip.keycloak.errors import NoRealm
from saltext_mip.pusher import roles
from saltext_mip.pusher.consolidate import consolidate
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.survey import Options
from tests.support.bad_server import body, serving
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


def with_server(pusher: Pusher, url: str) -> Pusher:
    federation = pusher.federation
    settings = {**federation.settings, "keycloak": {**NOWHERE, "server_url": url}}
    return replace(pusher, federation=replace(federation, settings=settings))


def test_a_server_is_asked_outside_the_federations_lock(declared: Folders) -> None:
    """While it has not answered yet, another command can change the federation."""
    consolidate(declared.pusher, Options())
    seen: list[str] = []

    def answer(sock: socket.socket) -> None:
        with pusher.locked("consolidate", 0):
            seen.append("free")
        with pytest.raises(Busy, match=r"mip\.sync_roles of"):
            roles.sync_roles(pusher, timeout=0)
        seen.append("one at a time")
        body(b"", status="404 Not Found")(sock)

    with serving(answer) as server:
        pusher = with_server(declared.pusher, server.url)
        with pytest.raises(NoRealm):
            roles.sync_roles(pusher, timeout=0)
    assert seen == ["free", "one at a time"] * 2  # with /auth, and without


def test_roles_are_synchronised_while_another_command_runs(declared: Folders) -> None:
    consolidate(declared.pusher, Options())
    with serving(body(b"", status="404 Not Found")) as server:
        pusher = with_server(declared.pusher, server.url)
        with pusher.locked("consolidate", 0), pytest.raises(NoRealm):
            roles.sync_roles(pusher, timeout=0)
    state = roles.RolesState.load(pusher.state)
    assert state is not None
    assert state.permanent
