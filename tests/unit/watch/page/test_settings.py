"""What the pillar may declare about the page, and when it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation
from saltext_mip.watch.page.settings import PageSettings, servers

DIGEST = "ab" * 32
TLS = {"certificate": "/etc/mip/page.pem", "key": "/etc/mip/page.key"}


def federation(page: Any, name: str = "fed1") -> Federation:
    declared = {"nodes": {f"{name}-ms": {"role": "master", "address": "10.0.0.1"}}}
    return Federation.from_pillar(name, declared if page is None else {**declared, "page": page})


def test_no_page_is_served_unless_it_is_declared() -> None:
    assert PageSettings.of(federation(None)) is None
    assert servers([federation(None)]) == ([], [])


@pytest.mark.parametrize(
    ("page", "refusal"),
    [
        ({}, ""),
        ({"address": "::1"}, ""),
        ({"address": "0.0.0.0"}, "token_sha256"),
        ({"address": "10.0.0.9", "token_sha256": DIGEST}, "tls"),
        ({"address": "10.0.0.9", "tls": TLS}, "token_sha256"),
        ({"address": "10.0.0.9", "token_sha256": DIGEST, "tls": TLS}, ""),
        ({"address": "10.0.0.9", "token_sha256": DIGEST, "behind_proxy": True}, ""),
        # a proxy on the same machine makes loopback public
        ({"behind_proxy": True}, "token_sha256"),
        ({"url": "https://mip.example"}, "token_sha256"),
        ({"hosts": ["mip.example"]}, "token_sha256"),
    ],
)
def test_readers_on_other_machines_need_a_token_and_encryption(
    page: dict[str, Any], refusal: str
) -> None:
    plans, refused = servers([federation(page)])
    if refusal:
        assert plans == []
        assert refused[0].startswith("fed1: page: ")
        assert refusal in refused[0]
    else:
        assert refused == []
        assert plans[0].federations == ("fed1",)


def test_federations_of_one_address_share_a_server_or_are_refused() -> None:
    (plan,), _ = servers([federation({}), federation({}, "fed2")])
    assert plan.federations == ("fed1", "fed2")
    plans, refused = servers([federation({}), federation({"hosts": []}, "fed2")])
    assert (len(plans), refused) == (1, [])
    token = {"token_sha256": DIGEST}
    (plan,), refused = servers([federation({}), federation(token, "fed2")])
    assert plan.federations == ("fed1",)
    assert refused[0].startswith("fed2: page: fed1 has other settings")
    plans, refused = servers([federation({}), federation({**token, "port": 8481}, "fed2")])
    assert (len(plans), refused) == (2, [])


@pytest.mark.parametrize(
    "page",
    [
        {"address": "mip.example"},
        {"port": 0},
        {"url": "https://mip.example/path"},
        {"token_sha256": "secret"},
        {"tls": {"certificate": "/etc/mip/page.pem"}},
        {"token": "secret"},
    ],
)
def test_what_cannot_be_meant_is_an_error_of_the_pillar(page: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="fed1:page"):
        federation(page)


def test_the_hosts_are_those_of_the_url_and_of_a_tunnel() -> None:
    settings = PageSettings.of(federation({"url": "https://MIP.example:8443/", "hosts": ["b"]}))
    assert settings is not None
    assert {"mip.example", "b", "localhost", "127.0.0.1", "::1"} == set(settings.names)
    assert settings.base == "https://MIP.example:8443"


def test_no_state_of_the_page_is_for_others(tmp_path: Path) -> None:
    from saltext_mip.watch.page import source

    key = source.link_key(tmp_path)
    assert source.link_key(tmp_path) == key
    assert (tmp_path / "watch" / "page.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "watch" / "page.key").unlink()
    assert source.link_key(tmp_path) != key
