"""What should run: the table, what the pillar puts over it, and what is named where it lacks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from saltext_mip.errors import DeclarationError
from saltext_mip.secret import Secret
from saltext_mip.swarm.desired import desired_services, secret_names
from saltext_mip.swarm.model import Log, Mount, Port, Service
from tests.unit.swarm.declared import SECRETS, federation


def services(**declared: Any) -> dict[str, Service]:
    return {service.name: service for service in desired_services(federation(**declared), SECRETS)}


def test_every_row_of_the_table_is_there_once_on_its_node() -> None:
    assert {name: service.hostname for name, service in services().items()} == {
        "fed1-ms_exareme-keystore": "fed1-ms",
        "fed1-ms_exareme-master": "fed1-ms",
        "fed1-wk-chuv_exareme": "fed1-wk-chuv",
        "hospital-b_exareme": "hospital-b",
        "portalbackend_db": "fed1-ui",
        "create_dbs": "fed1-ui",
        "portalbackend": "fed1-ui",
        "gateway": "fed1-ui",
        "galaxy": "fed1-ui",
        "frontend": "fed1-ui",
    }


def test_an_engine_is_as_installations_have_it() -> None:
    engine = services()["hospital-b_exareme"]
    assert engine.image == "hbpmip/exareme:24.3.0"
    assert dict(engine.env) == {
        "CONSULURL": "exareme-keystore:8500",
        "CONVERT_CSVS": "FALSE",
        "ENVIRONMENT_TYPE": "PROD",
        "FEDERATION_ROLE": "worker",
        "LOG_LEVEL": "INFO",
        "NODE_COMMUNICATION_TIMEOUT": "30000",
        "NODE_NAME": "hospital-b",
        "TEMP_FILES_CLEANUP_TIME": "30",
    }
    assert engine.mounts == (Mount("/root/exareme/data/", "/data/fed1", propagation="rslave"),)
    assert engine.constraints == ("node.labels.name==hospital-b",)
    assert engine.aliases == ("exareme",)
    assert dict(engine.labels)["com.docker.stack.namespace"] == "hospital-b"
    assert engine.ports == ()
    assert services()["fed1-ms_exareme-master"].ports == (Port(9090, 9090),)


def test_the_databases_of_the_portal_keep_their_folder() -> None:
    database = services()["portalbackend_db"]
    source = "/opt/mip-deployment/Federation/.stored_data/portalbackenddb"
    assert database.mounts == (Mount("/var/lib/postgresql/data", source),)
    assert database.command == ("-p", "5433")
    assert services()["create_dbs"].once is True
    galaxy = services()["galaxy"]
    assert galaxy.ports == (Port(8090, 80),)
    assert galaxy.command[:2] == ("bash", "-c")
    assert '"$PASSWORD"' in galaxy.command[2]


def test_what_the_pillar_says_goes_before_the_table() -> None:
    found = services(
        images={"exareme": "hbpmip/exareme:24.5.1"},
        services={
            "exareme": {"env": {"LOG_LEVEL": "DEBUG", "FLAG": "yes"}, "memory": "2g"},
            "hospital-b_exareme": {"env": {"LOG_LEVEL": "WARN"}},
            "galaxy": False,
            "frontend": {"ports": [8080, "8443:443"], "mounts": ["/srv/x:/data:ro", "/srv/y:/y"]},
        },
        data_path="/srv/mip",
    )
    assert "galaxy" not in found
    chuv, other = found["fed1-wk-chuv_exareme"], found["hospital-b_exareme"]
    assert (chuv.image, chuv.memory) == ("hbpmip/exareme:24.5.1", 2 * 1024**3)
    assert (dict(chuv.env)["LOG_LEVEL"], dict(chuv.env)["FLAG"]) == ("DEBUG", "yes")
    assert dict(other.env)["LOG_LEVEL"] == "WARN"
    assert chuv.mounts[0].source == "/srv/mip"
    assert found["frontend"].ports == (Port(8080, 8080), Port(8443, 443))
    assert found["frontend"].mounts == (
        Mount("/data", "/srv/x", read_only=True),
        Mount("/y", "/srv/y"),
    )


def test_each_service_has_a_limited_log_unless_the_pillar_says_another() -> None:
    found = services(
        services={
            "exareme": {"log": {"driver": "journald"}},
            "frontend": {"log": {"driver": "local", "options": {"max-size": "1m"}}},
        }
    )
    limits = {short: service.log for short, service in found.items()}
    assert limits.pop("fed1-wk-chuv_exareme") == Log("journald")
    assert limits.pop("hospital-b_exareme") == Log("journald")
    assert limits.pop("frontend") == Log("local", (("max-size", "1m"),))
    assert set(limits.values()) == {Log("json-file", (("max-file", "3"), ("max-size", "10m")))}


CASES = [
    ({}, {}, "services:portalbackend_db:env:POSTGRES_PASSWORD"),
    ({"services": {"portalbackend_db": False, "create_dbs": False}}, {}, "services:portalbackend"),
    ({"services": {"exareme-masterr": {}}}, SECRETS, "services:exareme-masterr"),
    ({"services": {"portainer": {}}}, SECRETS, "images:portainer"),
]


@pytest.mark.parametrize(("declared", "secrets", "key"), CASES, ids=[case[2] for case in CASES])
def test_what_is_missing_or_unknown_is_named_by_its_key(
    declared: dict[str, Any], secrets: dict[str, Any], key: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        desired_services(federation(**declared), secrets)
    assert f"mip:federations:fed1:{key}" in str(caught.value)


def test_a_portal_that_is_open_needs_no_keycloak() -> None:
    secrets = {**SECRETS, "portalbackend": {"PORTAL_DB_PASSWORD": "x", "GALAXY_API_KEY": "y"}}
    with pytest.raises(DeclarationError, match="KEYCLOAK_AUTH_URL"):
        desired_services(federation(), secrets)
    opened = federation(services={"portalbackend": {"env": {"AUTHENTICATION": "0"}}})
    assert desired_services(opened, secrets)


def test_passwords_are_secret_and_are_not_printed() -> None:
    found = desired_services(federation(), SECRETS)
    password = dict(next(s for s in found if s.short == "create_dbs").env)["PASSWORD4"]
    assert isinstance(password, Secret)
    assert "canary" not in repr(found)
    assert "canary" not in str([asdict(service) for service in found])
    # whatever only the pusher has is secret, whatever its name is
    assert secret_names(found)["portalbackend"] >= {"KEYCLOAK_REALM", "PORTAL_DB_PASSWORD"}


def test_a_node_may_look_at_its_ports_without_knowing_secrets() -> None:
    assert len(desired_services(federation(), whole=False)) == 10
