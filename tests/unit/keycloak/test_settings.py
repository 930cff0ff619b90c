"""The pillar's ``keycloak:``, and the type in which its secrets travel."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from saltext_mip.errors import DeclarationError
from saltext_mip.keycloak.settings import Settings, addresses
from saltext_mip.secret import Secret

BASE = {"server_url": "https://kc.example", "realm": "MIP", "client_id": "fed1"}
ACCOUNT = {"admin_client_id": "mip-admin", "admin_client_secret": "s3cret"}


def test_a_service_account():
    found = Settings.from_pillar({**BASE, **ACCOUNT})
    assert (found.admin_client, found.username) == ("mip-admin", None)
    assert found.admin_secret == Secret("s3cret")
    assert found.account == "the client 'mip-admin'"


def test_a_secret_may_come_in_its_type():
    found = Settings.from_pillar({**BASE, **ACCOUNT, "admin_client_secret": Secret("s3cret")})
    assert found.admin_secret == Secret("s3cret")


def test_a_user_goes_through_keycloaks_own_client():
    found = Settings.from_pillar({**BASE, "admin_username": "op", "admin_password": "pw"})
    assert (found.admin_client, found.username) == ("admin-cli", "op")
    assert found.account == "the user 'op'"


def test_a_user_may_go_through_a_confidential_client():
    found = Settings.from_pillar(
        {**BASE, **ACCOUNT, "admin_username": "op", "admin_password": "pw"}
    )
    assert (found.admin_client, found.username) == ("mip-admin", "op")


@pytest.mark.parametrize(
    ("account", "key"),
    [
        ({}, "keycloak:admin_client_id"),
        ({"admin_client_id": "a"}, "keycloak:admin_client_secret"),
        ({"admin_username": "a"}, "keycloak:admin_password"),
        ({"admin_password": "a"}, "keycloak:admin_username"),
    ],
)
def test_half_an_account_is_an_error_that_names_the_key(account, key):
    with pytest.raises(DeclarationError, match=key):
        Settings.from_pillar({**BASE, **account})


@pytest.mark.parametrize("url", ["kc.example", "ftp://kc.example", "https://user:pw@kc.example"])
def test_what_is_no_address_is_an_error(url):
    with pytest.raises(DeclarationError, match="keycloak:server_url") as error:
        Settings.from_pillar({**BASE, **ACCOUNT, "server_url": url})
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        ("https://kc.example", ("https://kc.example/", "https://kc.example/auth/")),
        ("https://kc.example/auth/", ("https://kc.example/auth/", "https://kc.example/")),
        ("https://kc.example/iam/", ("https://kc.example/iam/", "https://kc.example/iam/auth/")),
    ],
)
def test_the_address_is_tried_with_and_without_auth(given, tried):
    url = Settings.from_pillar({**BASE, **ACCOUNT, "server_url": given}).server_url
    assert addresses(url) == tried


def test_settings_print_without_their_secrets():
    found = Settings.from_pillar(
        {**BASE, **ACCOUNT, "admin_username": "op", "admin_password": "hunter2"}
    )
    assert "s3cret" not in repr(found)
    assert "hunter2" not in repr(found)


def test_a_secret_prints_as_stars():
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {secret!s} {secret:>10} %s" % secret
    assert "hunter2" not in shown
    assert "hunter2" not in str({"password": secret})


def test_a_secret_cannot_be_serialised():
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))
    with pytest.raises(TypeError):
        json.dumps(Secret("hunter2"))
    with pytest.raises(TypeError):
        vars(Secret("hunter2"))


def test_a_secret_is_revealed_where_it_is_asked_for_also_after_a_copy():
    assert copy.deepcopy({"a": Secret("hunter2")})["a"].reveal() == "hunter2"


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_an_empty_secret_is_none():
    with pytest.raises(ValueError, match="non-empty"):
        Secret("")
