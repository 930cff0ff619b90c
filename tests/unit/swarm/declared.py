"""A small federation, declared, for tests of its services."""

from __future__ import annotations

from typing import Any

from saltext_mip.federation import Federation

SECRETS = {
    "portalbackend_db": {"POSTGRES_PASSWORD": "canary of the database"},
    "create_dbs": {
        "DB_ADMIN_PASSWORD": "canary of the database",
        "PASSWORD4": "canary of a portal",
    },
    "galaxy": {"PASSWORD": "canary of galaxy"},
    "portalbackend": {
        "PORTAL_DB_PASSWORD": "canary of a portal",
        "GALAXY_API_KEY": "canary of galaxy",
        "KEYCLOAK_AUTH_URL": "https://iam.example/auth/",
        "KEYCLOAK_REALM": "MIP",
        "KEYCLOAK_CLIENT_ID": "fed1",
        "KEYCLOAK_CLIENT_SECRET": "canary of keycloak",
    },
}


def federation(**declared: Any) -> Federation:
    nodes = {
        "fed1-ms": {"role": "master", "address": "10.77.0.10"},
        "fed1-ui": {"role": "ui", "address": "10.77.0.11"},
        "fed1-wk-chuv": {"role": "worker", "address": "10.77.0.21"},
        "fed1-wk-b": {"role": "worker", "address": "10.77.0.22", "hostname": "hospital-b"},
    }
    return Federation.from_pillar("fed1", {"nodes": nodes, **declared})
