"""A server that is down, slow, answers with errors, or is not to be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saltext_mip.keycloak import Settings
from saltext_mip.keycloak.errors import (
    AccessError,
    KeycloakAway,
    KeycloakFailed,
    LoginRefused,
    NoRealm,
    NotAllowed,
    NotTrusted,
    Redirected,
    TokenRefused,
)
from tests.functional.keycloak.conftest import SECRET
from tests.functional.keycloak.worlds import data
from tests.support import certificates
from tests.support.commands import sync
from tests.support.fault_proxy import Fault, every_write, everything, in_front_of, nth_write
from tests.support.keycloak import free_port

ONE = data(dementia={"wk1": ["edsd"]})


@pytest.fixture
def through(pillar, proxy) -> dict[str, str]:
    return {**pillar, "server_url": proxy.url}


@pytest.fixture
def pauses() -> list[float]:
    return []


def failing(kind: type[AccessError], *arguments, **named) -> AccessError:
    with pytest.raises(kind) as raised:
        sync(*arguments, **{"sleep": lambda _: None, **named})
    assert SECRET not in str(raised.value)
    return raised.value


def patient(pillar: dict[str, str], seconds: float) -> Settings:
    return Settings(**{**vars(Settings.from_pillar(pillar)), "timeout": (seconds, seconds)})


# -- for a moment


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_failure_of_a_moment_is_tried_again(realm, through, proxy, pauses, status):
    proxy.faults.append(Fault(nth_write(3), status=status))
    assert sync(ONE, through, sleep=pauses.append)["failed"] == []
    assert pauses == [0.5]
    assert sync(ONE, through)["plan"] == []


@pytest.mark.parametrize("write", range(1, 8))
def test_an_answer_that_is_lost_is_asked_for_again(realm, through, proxy, write):
    proxy.faults.append(Fault(nth_write(write), after=True, drop=True))
    sync(ONE, through, sleep=lambda _: None)
    assert sync(ONE, through)["plan"] == []


@pytest.mark.parametrize("status", [409, 500])
def test_a_deed_that_was_done_and_called_a_failure_is_taken_as_done(realm, through, proxy, status):
    for write in range(1, 30, 3):
        proxy.faults.append(Fault(nth_write(write), after=True, status=status))
    sync(ONE, through, sleep=lambda _: None)
    proxy.heal()
    assert sync(ONE, through)["plan"] == []


def test_a_login_that_expired_is_renewed(realm, through, proxy):
    proxy.faults.append(Fault(nth_write(5), status=401))
    assert sync(ONE, through)["failed"] == []
    logins = [request for request in proxy.requests if request.path.endswith("/token")]
    assert len(logins) == 2


@pytest.fixture
def short_tokens(realm) -> Iterator[None]:
    """Two seconds, where five minutes are usual."""
    usual = realm.get("")["accessTokenLifespan"]
    realm.admin.update_realm(realm.name, {"accessTokenLifespan": 2})
    yield
    realm.admin.update_realm(realm.name, {"accessTokenLifespan": usual})


def test_a_run_outlives_its_token(short_tokens, through, proxy):
    proxy.faults.append(Fault(every_write, wait=0.1))
    many = data(dementia={f"wk{number}": [f"d{number}"] for number in range(5)})
    assert sync(many, through)["failed"] == []
    logins = [request for request in proxy.requests if request.path.endswith("/token")]
    assert len(logins) > 1


# -- for longer


def test_a_server_that_is_down_is_a_temporary_error(pillar, pauses):
    down = {**pillar, "server_url": f"http://127.0.0.1:{free_port()}"}
    error = failing(KeycloakAway, ONE, down, sleep=pauses.append)
    assert not error.permanent
    assert "Connection refused" in str(error)
    assert pauses == [0.5, 2.0]


def test_a_server_that_does_not_answer_in_time_is_a_temporary_error(through, proxy):
    proxy.faults.append(Fault(everything, wait=5))
    error = failing(KeycloakAway, ONE, patient(through, 0.2))
    assert not error.permanent
    assert "the response timed out" in str(error)


def test_a_slow_server_is_waited_for(realm, through, proxy):
    proxy.faults.append(Fault(everything, wait=0.05))
    sync(ONE, through)
    assert sync(ONE, through)["plan"] == []


def test_a_server_that_goes_away_in_the_middle_is_gone_on_with(realm, through, proxy):
    proxy.faults.append(Fault(lambda request: len(proxy.writes) > 8, drop=True))
    error = failing(KeycloakAway, ONE, through)
    assert not error.permanent
    proxy.heal()
    rest = sync(ONE, through)
    assert 0 < len(rest["plan"]) < 25
    assert sync(ONE, through)["plan"] == []


def test_a_server_that_fails_at_everything_ends_the_run(realm, through, proxy):
    proxy.faults.append(Fault(every_write, status=500))
    error = failing(KeycloakFailed, ONE, through)
    assert (error.permanent, error.status) == (False, 500)
    assert len(proxy.writes) == 3


def test_a_server_that_begins_to_fail_ends_the_run(realm, through, proxy):
    proxy.faults.append(Fault(lambda request: len(proxy.writes) > 8, status=500))
    assert not failing(KeycloakFailed, ONE, through).permanent
    proxy.heal()
    sync(ONE, through)
    assert sync(ONE, through)["plan"] == []


# -- for good


def test_a_wrong_secret_is_said_without_it(pillar):
    error = failing(LoginRefused, ONE, {**pillar, "admin_client_secret": "not-it"})
    assert error.permanent
    assert "the client 'mip-admin'" in str(error)
    assert "not-it" not in str(error)


def test_a_wrong_password_is_said_without_it(realm, pillar):
    account = {"admin_username": "operator", "admin_password": "not-it"}
    realm.operator("operator", "it")
    without = {key: pillar[key] for key in ("server_url", "realm", "client_id")}
    error = failing(LoginRefused, ONE, {**without, **account})
    assert error.permanent
    assert "the user 'operator'" in str(error)
    assert "not-it" not in str(error)


def test_401_to_everything_is_permanent(through, proxy):
    proxy.faults.append(Fault(lambda request: "/admin/" in request.path, status=401))
    error = failing(TokenRefused, ONE, through)
    assert error.permanent
    assert "its password is right" in str(error)


def test_an_account_without_its_roles_is_told_which(realm, pillar):
    realm.client("weak", "weak-secret", serviceAccountsEnabled=True)
    weak = {**pillar, "admin_client_id": "weak", "admin_client_secret": "weak-secret"}
    error = failing(NotAllowed, ONE, weak)
    assert error.permanent
    assert "manage-clients, manage-users" in str(error)
    assert "the client 'weak'" in str(error)


def test_403_in_the_middle_is_permanent_and_leaves_what_was_done(realm, through, proxy):
    proxy.faults.append(Fault(lambda request: len(proxy.writes) > 8, status=403))
    assert failing(NotAllowed, ONE, through).permanent
    proxy.heal()
    sync(ONE, through)
    assert sync(ONE, through)["plan"] == []


def test_a_realm_that_is_not_there_is_said(pillar):
    error = failing(NoRealm, ONE, {**pillar, "realm": "no such/realm"})
    assert error.permanent
    assert "'no such/realm'" in str(error)


def test_a_redirect_is_not_followed_with_the_secret(through, proxy):
    proxy.faults.append(
        Fault(everything, status=302, headers={"Location": "https://elsewhere.example/x?y=z"})
    )
    error = failing(Redirected, ONE, through)
    assert "https://elsewhere.example/x" in str(error)
    assert not [request for request in proxy.requests if request.method == "POST"]


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A server's PEM file for 127.0.0.1, and its CA file: it signs itself."""
    return certificates.self_signed(tmp_path_factory.mktemp("tls"))


def test_over_https_with_its_ca_it_works(realm, pillar, certificate):
    pem, ca = certificate
    with in_front_of(realm.url, pem) as tls:
        assert sync(ONE, {**pillar, "server_url": tls.url, "ca_file": str(ca)})["changed"]


def test_over_https_without_its_ca_it_is_not_trusted(realm, pillar, certificate):
    with in_front_of(realm.url, certificate[0]) as tls:
        error = failing(NotTrusted, ONE, {**pillar, "server_url": tls.url})
        assert error.permanent
        assert tls.requests == []


def test_a_ca_file_that_is_not_there_is_said(pillar):
    assert "file /no/ca.pem not found" in str(
        failing(NotTrusted, ONE, {**pillar, "ca_file": "/no/ca.pem"})
    )
