"""The two protocol mappers through which roles reach a token. Pure.

The portal reads ``authorities`` in the *ID token*; Keycloak's own mappers leave that out.
A mapper that is there is recognised by what it does, not by its name, and put right in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CLIENT_ROLES = "oidc-usermodel-client-role-mapper"
REALM_ROLES = "oidc-usermodel-realm-role-mapper"
CLAIM, CLIENT, PREFIX = (
    "claim.name",
    "usermodel.clientRoleMapping.clientId",
    "usermodel.clientRoleMapping.rolePrefix",
)
_EVERYWHERE = {
    "multivalued": "true",
    "id.token.claim": "true",
    "access.token.claim": "true",
    "userinfo.token.claim": "true",
    "jsonType.label": "String",
}


@dataclass(frozen=True)
class Mapper:
    """``config`` must be so; ``default`` is set only where nothing is."""

    name: str
    kind: str
    config: Mapping[str, str]
    default: Mapping[str, str]

    def differs(self, config: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """key -> (what it is, what it should be), of those that are wrong in ``config``."""
        wrong = {
            key: (config.get(key, ""), value)
            for key, value in self.config.items()
            if config.get(key, "") != value
        }
        wrong |= {key: ("", value) for key, value in self.default.items() if not config.get(key)}
        return wrong

    def representation(self) -> dict[str, Any]:
        """As Keycloak wants a new one."""
        config = {key: value for key, value in {**self.config, **self.default}.items() if value}
        return {
            "name": self.name,
            "protocol": "openid-connect",
            "protocolMapper": self.kind,
            "config": config,
        }


def desired_mappers(client_id: str) -> tuple[Mapper, Mapper]:
    """The mappers of the client's roles and of the realm's roles."""
    return (
        Mapper(
            "clientRole",
            CLIENT_ROLES,
            {**_EVERYWHERE, CLAIM: "authorities", CLIENT: client_id, PREFIX: ""},
            {},
        ),
        Mapper("realmRole", REALM_ROLES, _EVERYWHERE, {CLAIM: "realm_access.roles"}),
    )


def choose(wanted: Mapper, there: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Which of a client's mappers does, or should do, what ``wanted`` does.

    One for another client's roles, into another claim, is not ours.
    """

    def fitness(mapper: Mapping[str, Any]) -> int:
        config = mapper.get("config", {})
        its_claim = wanted.config.get(CLAIM) in (None, config.get(CLAIM))
        its_client = config.get(CLIENT, "") in ("", wanted.config.get(CLIENT, ""))
        return 2 * its_client + its_claim

    candidates = [m for m in there if m.get("protocolMapper") == wanted.kind and fitness(m)]
    return max(candidates, key=fitness, default=None)
