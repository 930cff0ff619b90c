"""Real Keycloak servers, one of each kind, and a clean realm for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.fault_proxy import FaultProxy, in_front_of
from tests.support.keycloak import NEW, OLD, Realm, Release, Server, Unavailable, running

SECRET = "administration-secret"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Release], Server]]:
    """Starts what is asked for, once: a start takes longer than most files of tests."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def server_of(release: Release) -> Server:
            if release.version not in started:
                folder = tmp_path_factory.mktemp("keycloak")
                started[release.version] = stack.enter_context(running(release, folder))
            return started[release.version]

        yield server_of


@pytest.fixture(scope="session", params=[NEW, OLD], ids=lambda release: release.version)
def server(request: pytest.FixtureRequest, servers: Callable[[Release], Server]) -> Server:
    try:
        return servers(request.param)
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def realms() -> dict[str, Realm]:
    return {}


@pytest.fixture(scope="session")
def _realm(server: Server, realms: dict[str, Realm]) -> Realm:
    if server.url not in realms:
        realms[server.url] = server.realm("MIP")
    return realms[server.url]


@pytest.fixture
def realm(_realm: Realm) -> Realm:
    """A realm with an administration account, as the manual prepares it, and nothing else."""
    _realm.clean()
    _realm.service_account("mip-admin", SECRET)
    return _realm


@pytest.fixture
def pillar(realm: Realm) -> dict[str, str]:
    """``keycloak:`` of the pillar."""
    return {
        "server_url": realm.url,
        "realm": realm.name,
        "client_id": "fed1",
        "admin_client_id": "mip-admin",
        "admin_client_secret": SECRET,
    }


@pytest.fixture
def proxy(realm: Realm) -> Iterator[FaultProxy]:
    """What stands between us and the server; ``pillar`` goes around it."""
    with in_front_of(realm.url) as started:
        yield started


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    return tmp_path / "client-secret"
