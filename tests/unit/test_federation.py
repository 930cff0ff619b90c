"""What the pillar declares, and the errors that name its keys."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from saltext_mip.errors import AmbiguousNode, DeclarationError, UnknownFederation, UnknownNode
from saltext_mip.federation import Federation, federations, pick

NODES: dict[str, Any] = {
    "fed1-wk-chuv": {"role": "worker", "hospital": "chuv", "address": "10.77.0.21"},
    "fed1-ui": {"role": "ui", "address": "10.77.0.11"},
    "fed1-wk-chuv-2": {"role": "worker", "hospital": "chuv-2", "address": "10.77.0.22"},
    "fed1-ms": {"role": "master", "address": "10.77.0.10"},
}


def declare(**more: Any) -> dict[str, Any]:
    return {"nodes": copy.deepcopy(NODES), **more}


def made(**more: Any) -> Federation:
    return Federation.from_pillar("fed1", declare(**more))


def refused(**feds: Any) -> str:
    with pytest.raises(DeclarationError) as caught:
        federations({"mip": {"federations": feds}})
    return str(caught.value)


def test_nodes_come_master_first_and_workers_in_the_order_of_the_pillar() -> None:
    assert [(node.short, node.id) for node in made().nodes] == [
        ("ms", "fed1-ms"),
        ("ui", "fed1-ui"),
        ("wk1", "fed1-wk-chuv"),
        ("wk2", "fed1-wk-chuv-2"),
    ]


def test_defaults_are_filled_in_below_what_is_declared() -> None:
    settings = made(swarm={"network": {"encrypted": False}}).settings
    assert settings["swarm"]["network"] == {
        "name": "mip-federation",
        "subnet": "10.20.30.0/24",
        "gateway": "10.20.30.254",
        "encrypted": False,
        "mtu": 1500,
    }
    assert settings["missing_worker"] == "fail"
    assert settings["reactor"]["missing_worker"] == "keep"


def test_a_data_path_is_the_nodes_or_the_federations_or_follows_its_name() -> None:
    assert str(made().master.data_path) == "/data/fed1"
    assert str(made(data_path="/srv/a").master.data_path) == "/srv/a"
    declared = declare(data_path="/srv/a")
    declared["nodes"]["fed1-ms"]["data_path"] = "/srv/b"
    assert str(Federation.from_pillar("fed1", declared).master.data_path) == "/srv/b"


@pytest.mark.parametrize("name", ["fed1-wk-chuv", "wk1", "chuv", "10.77.0.21"])
def test_a_node_goes_by_any_of_its_names(name: str) -> None:
    assert made().node(name).id == "fed1-wk-chuv"


@pytest.mark.parametrize("name", ["fed1-wk-chu", "chu", "10.77.0.2", "wk", "fed1-wk-chuv.*", ""])
def test_names_are_compared_whole(name: str) -> None:
    with pytest.raises(UnknownNode, match="fed1-wk-chuv-2"):
        made().node(name)


def test_a_name_that_fits_two_nodes_is_an_error_and_the_id_still_works() -> None:
    declared = declare()
    declared["nodes"]["fed1-ui"]["address"] = "10.77.0.10"
    federation = Federation.from_pillar("fed1", declared)
    with pytest.raises(AmbiguousNode, match="fed1-ms, fed1-ui"):
        federation.node("10.77.0.10")
    assert federation.node("fed1-ui").short == "ui"


def test_an_unknown_key_is_named_with_its_place() -> None:
    assert refused(fed1=declare(nods={})).startswith(
        "Pillar, key mip:federations:fed1: unknown key 'nods'; known: "
    )
    declared = declare(reactor={"setle": 3})
    assert "mip:federations:fed1:reactor: unknown key 'setle'" in refused(fed1=declared)


def test_wrong_values_are_named_and_never_shown() -> None:
    declared = declare()
    declared["nodes"]["fed1-ms"]["role"] = "sekret"
    assert refused(fed1=declared) == (
        "Pillar, key mip:federations:fed1:nodes:fed1-ms:role: must be one of master, ui, worker"
    )
    message = refused(
        fed1=declare(keycloak={"server_url": "sekret", "realm": "a", "client_id": "b"})
    )
    assert "keycloak:server_url" in message
    assert "sekret" not in message


# as YAML reads what was not quoted: 0123 or 1e5, 12, 1.10, yes, an empty value
@pytest.mark.parametrize("value", [83, 12, 1.1, True, None])
def test_what_is_not_a_text_in_the_environment_is_to_be_quoted(value: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        made(services={"exareme": {"env": {"LIMIT": value}}})
    assert "services:exareme:env:LIMIT: must be of type string (quote it" in str(caught.value)
    assert "83" not in str(caught.value)
    assert made(services={"exareme": {"env": {"LIMIT": "0123"}}})


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "FE80::1", "febf::2", "fd00::1%3", "10.0.0.1%e"]
)
def test_an_address_that_is_valid_on_one_link_only_is_refused(address: str) -> None:
    declared = declare()
    declared["nodes"]["fed1-ms"]["address"] = address
    message = refused(fed1=declared)
    assert "fed1-ms:address: must match" in message
    assert "valid on one link only" in message


@pytest.mark.parametrize("address", ["fd00::1", "10.0.0.1", "fed.example", "fe80.example", "fec0"])
def test_an_address_that_all_nodes_reach_or_a_name_is_taken(address: str) -> None:
    declared = declare()
    declared["nodes"]["fed1-ms"]["address"] = address
    assert Federation.from_pillar("fed1", declared).master.address == address


def test_there_is_one_master() -> None:
    declared = declare()
    del declared["nodes"]["fed1-ms"]
    assert "fed1:nodes: lacks a node with role: master" in refused(fed1=declared)
    declared = declare()
    declared["nodes"]["fed1-ui"]["role"] = "master"
    assert "has more than one master: fed1-ui, fed1-ms" in refused(fed1=declared)


def test_a_node_is_in_one_federation_only() -> None:
    assert refused(fed1=declare(), fed2=declare()) == (
        "Pillar, key mip:federations:fed2:nodes:fed1-ms: the node is in federation 'fed1' already"
    )


@pytest.mark.parametrize("name", ["a/b", "../fed1", "", "-x", "a b", "a\nb"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    assert "no '/'" in refused(**{name: declare()})
    declared = declare()
    declared["nodes"][name] = {"role": "worker", "address": "10.0.0.9"}
    assert "mip:federations:fed1:nodes" in refused(fed1=declared)


def test_hostnames_are_distinct() -> None:
    declared = declare()
    declared["nodes"]["fed1-ui"]["hostname"] = "fed1-ms"
    assert "is the hostname of 'fed1-ui' already" in refused(fed1=declared)


def test_the_only_federation_need_not_be_named() -> None:
    found = {"fed1": made()}
    assert pick(found, None).name == "fed1"
    with pytest.raises(UnknownFederation, match="declared: fed1"):
        pick(found, "fed")
    with pytest.raises(UnknownFederation):
        pick({}, None)
    for odd in ([1], {"a": 1}, 5):  # as Salt's command line may make them of what was typed
        with pytest.raises(UnknownFederation):
            pick(found, odd)  # type: ignore[arg-type]


def test_the_digest_tells_what_a_node_goes_by() -> None:
    same = made(missing_worker="keep").digest
    assert same == made().digest
    assert made(min_count=5).digest != same
    assert made(ui_path="/elsewhere").digest != same


def test_a_hospital_of_digits_is_a_number_on_salts_command_line() -> None:
    declared = declare()
    worker = next(n for n, facts in declared["nodes"].items() if facts["role"] == "worker")
    declared["nodes"][worker]["hospital"] = "1234"
    assert Federation.from_pillar("fed1", declared).node(1234).id == worker  # type: ignore[arg-type]
