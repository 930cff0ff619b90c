"""What is there: a client's roles, groups and mappers, read from the server into ``Rights``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saltext_mip.keycloak.client import Keycloak
from saltext_mip.keycloak.errors import ChangedMeanwhile, Gone, NoSuchClient
from saltext_mip.keycloak.rights import Rights, group_prefix, is_composed, is_our_group, is_our_role

_PAGE = 500


@dataclass
class Ids:
    """Keycloak's own ids of things, which requests need."""

    client: str | None = None
    roles: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """``kept``: group that is not wanted -> why it must not be removed all the same."""

    rights: Rights
    ids: Ids
    public: bool = False
    mappers: tuple[Mapping[str, Any], ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


def observe(server: Keycloak, client_id: str, wanted: Rights, *, prune: bool = False) -> Observed:
    """The state of ``client_id``; ``prune`` also asks what orphans must not be removed."""
    client = find_client(server, client_id)
    ids = Ids(client=client["id"] if client else None)
    roles: dict[str, frozenset[str]] = {}
    if client is not None:
        for role in read_roles(server, ids):
            name = role["name"]
            made_of: frozenset[str] = frozenset()
            if role.get("composite") and is_composed(name):
                made_of = _made_of(server, ids, name)
            roles[name] = made_of
    found = read_groups(server, client_id, ids)
    unwanted = [group for group in found if group["name"] not in wanted.groups]
    others = _of_other_clients(server, client_id, unwanted) if unwanted else set()
    groups = {
        group["name"]: _given(group, client_id) for group in found if group["name"] not in others
    }
    kept = _kept(server, unwanted) if prune and unwanted else {}
    return Observed(
        Rights(roles, groups),
        ids,
        public=bool(client and (client.get("publicClient") or client.get("bearerOnly"))),
        mappers=tuple(client.get("protocolMappers") or ()) if client else (),
        kept=kept,
    )


def find_client(server: Keycloak, client_id: str) -> Mapping[str, Any] | None:
    """Keycloak's representation of a client, its mappers included."""
    found: list[dict[str, Any]] = server.get("clients", clientId=client_id)
    return next((client for client in found if client["clientId"] == client_id), None)


def read_roles(server: Keycloak, ids: Ids) -> list[dict[str, Any]]:
    """The client's roles of this scheme; their ids go into ``ids``."""
    client = ids.client or ""
    found = [r for r in server.ask(lambda a: a.get_client_roles(client)) if is_our_role(r["name"])]
    ids.roles.update({role["name"]: role["id"] for role in found})
    return found


def read_groups(server: Keycloak, client_id: str, ids: Ids) -> list[dict[str, Any]]:
    """The realm's groups of this scheme for that client; their ids go into ``ids``.

    Without ``max`` both old and new servers give all that match, with their roles.
    """
    there: list[dict[str, Any]] = server.get(
        "groups", search=group_prefix(client_id), briefRepresentation="false"
    )
    found = [group for group in there if is_our_group(group["name"], client_id)]
    ids.groups.update({group["name"]: group["id"] for group in found})
    return found


def read_secret(server: Keycloak, client: str) -> str | None:
    """The client's secret; None where it has none."""
    value = server.ask(lambda admin: admin.get_client_secrets(client)).get("value")
    return str(value) if value else None


def read_copies(
    server: Keycloak, source: str, client_id: str, ids: Ids
) -> dict[str, tuple[str, ...]]:
    """Group of ours -> ids of users who are in the same group of ``source`` and not yet in ours.

    Groups of ours that are not there yet are named as they will be.
    """
    theirs = Ids()
    found = read_groups(server, source, theirs)
    if not found:
        raise NoSuchClient(server=server.settings.server_url, client=source)
    missing: dict[str, tuple[str, ...]] = {}
    for group in found:
        ours = group_prefix(client_id) + group["name"].removeprefix(group_prefix(source))
        have = set(_members(server, ids.groups[ours])) if ours in ids.groups else set()
        new = tuple(user for user in _members(server, group["id"]) if user not in have)
        if new:
            missing[ours] = new
    return missing


def _made_of(server: Keycloak, ids: Ids, role: str) -> frozenset[str]:
    try:
        there: list[dict[str, Any]] = server.get(f"roles-by-id/{ids.roles[role]}/composites")
    except Gone as error:
        raise ChangedMeanwhile(role, server=server.settings.server_url) from error
    return frozenset(
        part["name"]
        for part in there
        if part.get("clientRole")
        and part.get("containerId") == ids.client
        and is_our_role(part["name"])
    )


def _given(group: Mapping[str, Any], client_id: str) -> frozenset[str]:
    """The roles of this scheme that a group gives; what else it gives is not ours."""
    its: list[str] = (group.get("clientRoles") or {}).get(client_id, [])
    return frozenset(name for name in its if is_our_role(name))


def _of_other_clients(
    server: Keycloak, client_id: str, unwanted: Sequence[Mapping[str, Any]]
) -> set[str]:
    """Groups that also fit the scheme of another client, one whose id begins like ours."""
    ids = [client["clientId"] for client in server.ask(lambda admin: admin.get_clients())]
    rivals = [
        other
        for other in ids
        if other != client_id and group_prefix(other).startswith(group_prefix(client_id))
    ]
    names = {str(group["name"]) for group in unwanted}
    return {name for name in names if any(is_our_group(name, rival) for rival in rivals)}


def _kept(server: Keycloak, unwanted: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    default = {group["id"] for group in server.get("default-groups")}
    reasons = {}
    for found in unwanted:
        # a list that was searched for leaves out the groups inside that do not match
        group = server.get(f"groups/{found['id']}")
        if group["id"] in default:
            reasons[group["name"]] = "it is one of the realm's default groups"
        elif group.get("subGroups") or group.get("subGroupCount"):
            reasons[group["name"]] = "it contains other groups"
    return reasons


def _members(server: Keycloak, group: str) -> list[str]:
    users: list[str] = []
    while True:
        page = server.get(
            f"groups/{group}/members", first=len(users), max=_PAGE, briefRepresentation="true"
        )
        users += [user["id"] for user in page]
        if len(page) < _PAGE:
            return users
