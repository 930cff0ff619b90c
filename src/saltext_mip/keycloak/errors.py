"""What can go wrong between the pusher and Keycloak.

::

    AccessError
    ├── KeycloakAway        no answer, or not in time          (temporary)
    ├── KeycloakFailed      it answered, and failed            (temporary)
    ├── ChangedMeanwhile    it was removed meanwhile           (temporary)
    ├── NotTrusted          its TLS certificate
    ├── NoRealm             no such realm at this address
    ├── Redirected          the address leads elsewhere
    ├── LoginRefused        the administration account
    ├── TokenRefused        its token, which it gave itself just before
    ├── NotAllowed          the account's roles
    ├── NoSuchClient        the client to copy from
    ├── SecretNotKept       the file for the client's secret
    ├── Conflict, Gone      one thing that is there already, or is not
    └── Unexpected          an answer that a Keycloak does not give

``status`` is the answer's HTTP status, where there was one. No message carries a secret.
"""

from __future__ import annotations

from typing import Any

from saltext_mip.errors import MipError


class AccessError(MipError):
    """Keycloak at {server}: {message}"""

    def __init__(self, message: str = "", /, *, status: int | None = None, **facts: Any) -> None:
        self.status = status
        super().__init__(message, **facts)


class KeycloakAway(AccessError):
    """Keycloak at {server} does not respond: {message}. Check the server and its connection."""

    permanent = False


class KeycloakFailed(AccessError):
    """Keycloak at {server} failed: {message}. See its log."""

    permanent = False


class ChangedMeanwhile(AccessError):
    """Keycloak at {server} was changed meanwhile: {message}. Run the command again."""

    permanent = False


class NotTrusted(AccessError):
    """Keycloak at {server} has no valid certificate: {message}. Is keycloak:ca_file its CA?"""


class NoRealm(AccessError):
    """Realm '{realm}' not found at {server}. Check keycloak:server_url and keycloak:realm."""


class Redirected(AccessError):
    """Keycloak at {server} redirects to {message}. Set keycloak:server_url to the final address."""


class LoginRefused(AccessError):
    """Keycloak at {server} refused {account}: {message}. Check it in the secrets' pillar."""


class TokenRefused(AccessError):
    """Keycloak at {server} accepts the login of {account}, so its password is right, and then \
refuses the token that it gave: {message}"""


class NotAllowed(AccessError):
    """Keycloak at {server} denies this to {account}: {message}. The account needs the roles \
manage-clients, manage-users, view-clients, view-users, view-realm and query-groups of \
realm-management."""


class NoSuchClient(AccessError):
    """Keycloak at {server} has no groups of client '{client}': there are no members to copy."""


class SecretNotKept(AccessError):
    """The client's secret cannot be written to {path}: {message}"""


class Conflict(AccessError):
    """Keycloak at {server} already has an object of that name: {message}"""


class Gone(AccessError):
    """Keycloak at {server} no longer has the object: {message}"""


class Unexpected(AccessError):
    """Keycloak at {server} returned an unexpected response: {message}"""
