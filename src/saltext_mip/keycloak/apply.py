"""Apply a plan on the server, item by item.

Any item may have been applied before, by a run that was killed or by a request whose response was
lost: what exists counts as created, what is gone as removed. A name that the server refuses is
recorded and the rest continues; a server that fails altogether ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from keycloak import KeycloakAdmin

from saltext_mip.keycloak.client import Keycloak
from saltext_mip.keycloak.errors import (
    AccessError,
    ChangedMeanwhile,
    Conflict,
    Gone,
    KeycloakFailed,
    Unexpected,
)
from saltext_mip.keycloak.mappers import Mapper, choose
from saltext_mip.keycloak.observed import Ids, Observed, find_client, read_groups, read_roles
from saltext_mip.keycloak.plan import Plan, RolesItem, corrected
from saltext_mip.text import shown

# so many roles in one request: a server takes a tenth of a second for them
BATCH = 100
# so many failures one after another are not about names
_IN_A_ROW = 3


@dataclass
class Outcome:
    """``failed``: what was not done, and why. ``done`` has the items that were."""

    done: list[RolesItem] = field(default_factory=list)
    failed: list[tuple[RolesItem, str]] = field(default_factory=list)


class Applier:
    """Executes items; remembers Keycloak's ids of what it made."""

    def __init__(
        self,
        server: Keycloak,
        client_id: str,
        actual: Observed,
        mappers: Sequence[Mapper],
        descriptions: Mapping[str, str],
        write_secret: Callable[[Ids], None],
    ) -> None:
        self._server = server
        self._client_id = client_id
        self._actual = actual
        self._ids = actual.ids
        self._mappers = {mapper.kind: mapper for mapper in mappers}
        self._descriptions = descriptions
        self._write_secret = write_secret
        self._deeds: dict[str, Callable[[RolesItem], None]] = {
            "create client": self._create_client,
            "create mapper": self._create_mapper,
            "correct mapper": self._correct_mapper,
            "create role": self._create_role,
            "extend role": self._extend_role,
            "create group": self._create_group,
            "extend group": self._extend_group,
            "add members": self._add_members,
            "write secret": lambda _: self._write_secret(self._ids),
            "reduce group": self._reduce_group,
            "reduce role": self._reduce_role,
            "remove group": self._remove_group,
            "remove role": self._remove_role,
        }

    def run(self, plan: Plan, progress: Callable[[str], None]) -> Outcome:
        outcome = Outcome()
        in_a_row = 0
        for item in plan.items:
            try:
                self._deeds[item.action](item)
            except (Conflict, KeycloakFailed, Unexpected) as error:
                in_a_row += 1
                if not outcome.done or in_a_row == _IN_A_ROW:
                    raise
                outcome.failed.append((item, str(error)))
                progress(shown(f"{item.action} {item.thing}: failed"))
            except Gone as error:
                raise ChangedMeanwhile(item.thing, status=404, **_facts(error)) from error
            else:
                in_a_row = 0
                outcome.done.append(item)
                progress(shown(f"{item.action} {item.thing}: {item.reason}"))
        return outcome

    # -- what gives

    def _create_client(self, item: RolesItem) -> None:
        payload = {
            "clientId": item.thing,
            "name": item.thing,
            "protocol": "openid-connect",
            "enabled": True,
            "publicClient": False,
            "bearerOnly": False,
            "clientAuthenticatorType": "client-secret",
            "standardFlowEnabled": True,
            "implicitFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "serviceAccountsEnabled": False,
            "fullScopeAllowed": True,
            "redirectUris": [],
            "webOrigins": [],
        }
        try:
            self._ids.client = self._server.make(lambda admin: admin.create_client(payload))
        except Conflict:
            self._ids.client = (find_client(self._server, item.thing) or {}).get("id")

    def _create_mapper(self, item: RolesItem) -> None:
        payload = self._mappers[item.names[0]].representation()
        taken = {mapper["name"] for mapper in self._actual.mappers}
        while payload["name"] in taken:
            payload["name"] += "-mip"
        client = self._client()
        with suppress(Conflict):
            self._server.make(lambda admin: admin.add_mapper_to_client(client, payload))

    def _correct_mapper(self, item: RolesItem) -> None:
        mapper = self._mappers[item.names[0]]
        found = choose(mapper, self._actual.mappers)
        if found is None:
            raise LookupError(item.thing)
        client, payload = self._client(), corrected(mapper, found)
        self._server.change(lambda a: a.update_client_mapper(client, payload["id"], payload))

    def _create_role(self, item: RolesItem) -> None:
        client = self._client()
        payload = {"name": item.thing, "description": self._descriptions.get(item.thing, "")}
        try:
            self._server.make(lambda admin: admin.create_client_role(client, payload))
        except Conflict:
            read_roles(self._server, self._ids)
            if item.thing not in self._ids.roles:
                raise

    def _extend_role(self, item: RolesItem) -> None:
        for batch in self._batches(item.names):
            self._server.send("post", f"roles-by-id/{self._role(item.thing)}/composites", batch)

    def _create_group(self, item: RolesItem) -> None:
        payload = {"name": item.thing}
        try:
            group = self._server.make(lambda admin: admin.create_group(payload))
        except Conflict:
            group = None
        if group:
            self._ids.groups[item.thing] = group

    def _extend_group(self, item: RolesItem) -> None:
        for batch in self._batches(item.names):
            self._server.send("post", self._mapping(item.thing), batch)

    def _add_members(self, item: RolesItem) -> None:
        group = self._group(item.thing)
        for user in item.names:
            with suppress(Gone):  # a user deleted since
                self._server.change(
                    partial(KeycloakAdmin.group_user_add, user_id=user, group_id=group)
                )

    # -- what takes

    def _reduce_group(self, item: RolesItem) -> None:
        for batch in self._batches(item.names):
            self._server.send("delete", self._mapping(item.thing), batch)

    def _reduce_role(self, item: RolesItem) -> None:
        for batch in self._batches(item.names):
            self._server.send("delete", f"roles-by-id/{self._role(item.thing)}/composites", batch)

    def _remove_group(self, item: RolesItem) -> None:
        with suppress(Gone):
            self._server.send("delete", f"groups/{self._group(item.thing)}")

    def _remove_role(self, item: RolesItem) -> None:
        with suppress(Gone):
            self._server.send("delete", f"roles-by-id/{self._role(item.thing)}")

    # -- ids

    def _client(self) -> str:
        if self._ids.client is None:
            raise Gone(f"client {self._client_id}", server=self._server.settings.server_url)
        return self._ids.client

    def _role(self, name: str) -> str:
        if name not in self._ids.roles:
            read_roles(self._server, self._ids)
        return self._known(self._ids.roles, name)

    def _group(self, name: str) -> str:
        if name not in self._ids.groups:
            read_groups(self._server, self._client_id, self._ids)
        return self._known(self._ids.groups, name)

    def _known(self, ids: Mapping[str, str], name: str) -> str:
        if name not in ids:
            raise Unexpected(f"it has no {name}", server=self._server.settings.server_url)
        return ids[name]

    def _mapping(self, group: str) -> str:
        return f"groups/{self._group(group)}/role-mappings/clients/{self._client()}"

    def _batches(self, names: Sequence[str]) -> list[list[dict[str, str]]]:
        """Roles as requests name them; one that could not be made is left out."""
        if any(name not in self._ids.roles for name in names):
            read_roles(self._server, self._ids)
        there = [
            {"id": self._ids.roles[name], "name": name} for name in names if name in self._ids.roles
        ]
        return [there[first : first + BATCH] for first in range(0, len(there), BATCH)]


def _facts(error: AccessError) -> dict[str, object]:
    return {key: value for key, value in error.facts.items() if key != "message"}
