"""What tests compare: data structures, the rights they mean, all of a realm that is not ours."""

from __future__ import annotations

from typing import Any

from tests.support.keycloak import Realm


def data(**pathologies: dict[str, list[str]]) -> list[dict[str, Any]]:
    """``data(dementia={"wk1": ["edsd"]})`` as ``mip.export`` says it."""
    return [
        {
            "name": pathology,
            "nodes": [
                {"name": node, "datasets": [{"name": dataset} for dataset in datasets]}
                for node, datasets in nodes.items()
            ],
        }
        for pathology, nodes in pathologies.items()
    ]


def researcher(pathology: str, *datasets: str) -> set[str]:
    """What a researcher's token holds for a pathology with these datasets, by the tables."""
    return {f"RESEARCH_PATHOLOGY_{pathology}", *(f"RESEARCH_DATASET_{name}" for name in datasets)}


def controller(pathology: str, *datasets: str) -> set[str]:
    return {f"DC_CONTROL_{pathology}", *researcher(pathology, *datasets)}


PROCESSOR = {"RESEARCH_DATASET_ALL", "RESEARCH_EXPERIMENT_ALL", "RESEARCH_PATHOLOGY_ALL"}


def picture(realm: Realm, *, without: str = "FED1_") -> dict[str, Any]:
    """All that a realm has beside one federation's client and groups."""
    admin = realm.admin
    users = {user["id"]: user["username"] for user in admin.get_users({})}
    clients = {}
    for client in admin.get_clients():
        roles = {
            role["name"]: sorted(
                part["name"] for part in admin.get_role_composites_by_id(role["id"])
            )
            for role in admin.get_client_roles(client["id"])
            if client["clientId"] != "fed1"
        }
        clients[client["clientId"]] = (roles, _settings(client))
    groups = {}
    for group in admin.get_groups({"briefRepresentation": "false"}):
        if not group["name"].startswith(without):
            groups[group["name"]] = (
                sorted(users[member["id"]] for member in admin.get_group_members(group["id"])),
                {client: sorted(names) for client, names in group["clientRoles"].items()},
                sorted(group["realmRoles"]),
                sorted(child["name"] for child in group["subGroups"]),
            )
    return {
        "clients": clients,
        "groups": groups,
        "realm roles": sorted(role["name"] for role in admin.get_realm_roles()),
        "default groups": sorted(group["path"] for group in realm.get("default-groups")),
        "direct mappings": {
            name: sorted(role["name"] for role in _direct(admin, user))
            for user, name in users.items()
        },
    }


def _settings(client: dict[str, Any]) -> dict[str, Any]:
    """A client but its mappers, which are put right where it is ours."""
    return {key: value for key, value in client.items() if key not in ("protocolMappers", "access")}


def _direct(admin: Any, user: str) -> list[dict[str, Any]]:
    mappings = admin.get_all_roles_of_user(user)
    roles = list(mappings.get("realmMappings", ()))
    for client in mappings.get("clientMappings", {}).values():
        roles += client["mappings"]
    return roles
