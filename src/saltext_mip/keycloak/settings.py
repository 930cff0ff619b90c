"""The pillar's ``keycloak:``, read and checked: where the server is and who we are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from saltext_mip.errors import DeclarationError
from saltext_mip.secret import Secret

KEY = "keycloak"


@dataclass(frozen=True)
class Settings:
    """How to reach Keycloak and what to keep in step there.

    The administration account is a user (``username``, ``password``; through ``admin_client``,
    by default Keycloak's own ``admin-cli``) or a client with a service account (``admin_client``,
    ``admin_secret``). ``timeout`` is in seconds: for the connection, and for a whole exchange.
    """

    server_url: str
    realm: str
    client_id: str
    admin_client: str
    admin_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    ca_file: Path | None = None
    client_secret_file: Path | None = None
    timeout: tuple[float, float] = (5.0, 30.0)

    @property
    def account(self) -> str:
        """Whom an error is about."""
        if self.username is not None:
            return f"the user '{self.username}'"
        return f"the client '{self.admin_client}'"

    @classmethod
    def from_pillar(cls, data: Mapping[str, Any]) -> Settings:
        """``data`` is the pillar's ``keycloak``; a :class:`DeclarationError` names the key."""
        for key in ("server_url", "realm", "client_id"):
            if not data.get(key):
                raise DeclarationError(f"{KEY}:{key}", "is missing")
        username, password = data.get("admin_username"), data.get("admin_password")
        client, secret = data.get("admin_client_id"), data.get("admin_client_secret")
        if bool(username) != bool(password):
            raise DeclarationError(
                f"{KEY}:admin_{'password' if username else 'username'}", "is missing"
            )
        if not username and not (client and secret):
            raise DeclarationError(
                f"{KEY}:admin_client_secret" if client else f"{KEY}:admin_client_id",
                "is missing: the administration account is admin_client_id and"
                " admin_client_secret, or admin_username and admin_password",
            )
        return cls(
            server_url=_address(str(data["server_url"])),
            realm=str(data["realm"]),
            client_id=str(data["client_id"]),
            admin_client=str(client or "admin-cli"),
            admin_secret=_secret(secret),
            username=str(username) if username else None,
            password=_secret(password),
            ca_file=_file(data, "ca_file"),
            client_secret_file=_file(data, "client_secret_file"),
        )


def _secret(value: Any) -> Secret | None:
    return value if isinstance(value, Secret) or not value else Secret(str(value))


def _file(data: Mapping[str, Any], key: str) -> Path | None:
    return Path(str(data[key])) if data.get(key) else None


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DeclarationError(f"{KEY}:server_url", "is not an http or https address")
    if parts.username or parts.password:
        raise DeclarationError(f"{KEY}:server_url", "must not hold a user or a password")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def addresses(server_url: str) -> tuple[str, str]:
    """The two places where that server may answer: as given, and with or without ``/auth``.

    Keycloak up to 16 (and later ones so configured) is below ``/auth``, newer ones are not.
    """
    other = server_url.removesuffix("/auth") if server_url.endswith("/auth") else None
    return (server_url + "/", (server_url + "/auth" if other is None else other) + "/")
