"""The client's secret in the file that the pillar names, for the deployment of the portal."""

from __future__ import annotations

import stat
from pathlib import Path

from saltext_mip.errors import MipError
from saltext_mip.keycloak.client import Keycloak
from saltext_mip.keycloak.errors import SecretNotKept
from saltext_mip.keycloak.observed import Ids, read_secret
from saltext_mip.storage import atomic

MODE = 0o600


class SecretFile:
    """``path`` holds the secret and a newline, readable by its owner alone; None: no such file."""

    def __init__(self, path: Path | None, server: Keycloak) -> None:
        self._path = path
        self._server = server

    def differs(self, client: str | None) -> str | None:
        """Why it must be written; None if it is as it should be. ``client`` is Keycloak's id."""
        path = self._path
        if path is None:
            return None
        if not path.parent.is_dir():
            raise SecretNotKept(f"folder {path.parent} not found", path=path)
        if not path.exists():
            return "it does not exist"
        if client is None or not atomic.holds(path, self._content(client)):
            return "the client's secret changed"
        if (mode := stat.S_IMODE(path.stat().st_mode)) != MODE:
            return f"its mode differs: {mode:04o} -> {MODE:04o}"
        return None

    def write(self, ids: Ids) -> None:
        path = self._path
        if path is None or ids.client is None:
            return
        try:
            atomic.replace(path, self._content(ids.client), mode=MODE)
            path.chmod(MODE)
        except (OSError, MipError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SecretNotKept(reason or "", path=path) from error

    def _content(self, client: str) -> bytes:
        secret = read_secret(self._server, client)
        if secret is None:
            raise SecretNotKept("the client has no secret", path=self._path)
        return secret.encode() + b"\n"
