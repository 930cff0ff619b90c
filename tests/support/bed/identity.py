"""The bed's Keycloak: on the pusher, with one realm as its administrator would have made it.

A server of `tests.support.keycloak` that only the bed's hosts can reach; so its realm is made by
this module from within the pusher (`python -m tests.support.bed.identity URL`).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import requests

from tests.support import keycloak
from tests.support.bed.host import Host
from tests.support.bed.layout import CHECKOUT, BedUnavailable, HostSpec, Layout

PORT = 8080
REALM = "MIP"
CLIENT = "fed1"
ADMIN_CLIENT = ("mip-admin", "a secret of the bed's")
READY_SECONDS = 120


@dataclass(frozen=True)
class Identity:
    """A Keycloak that a host can run as its service."""

    url: str
    service: dict[str, object]
    binds: list[tuple[str, str]]

    @property
    def settings(self) -> dict[str, str]:
        """What the pillar's `keycloak` says of it."""
        return {
            "server_url": self.url + "/",
            "realm": REALM,
            "client_id": CLIENT,
            "admin_client_id": ADMIN_CLIENT[0],
            "admin_client_secret": ADMIN_CLIENT[1],
        }

    def make_realm(self, host: Host) -> None:
        """Once the server is ready: the realm, a client, who may administer it, two researchers."""
        host.run(
            *("env", f"PYTHONPATH={CHECKOUT}"),
            *(sys.executable, "-m", "tests.support.bed.identity", self.url),
            timeout=READY_SECONDS + 60,
        )


def lay_out(layout: Layout, host: HostSpec) -> Identity:
    """Prepares the server (177 MB are fetched the first time); BedUnavailable where it can't be."""
    # of the same path in the host as outside, since a database's address names it
    folder = layout.host(host.name) / "keycloak"
    try:
        argv, environment = keycloak.command(keycloak.NEW, folder, address=host.address, port=PORT)
        home = keycloak.prepared(keycloak.NEW)
    except keycloak.Unavailable as unavailable:
        raise BedUnavailable(str(unavailable)) from None
    service = {"name": "keycloak", "argv": argv, "environment": environment, "whole_group": True}
    binds = [(str(folder), str(folder)), (str(home), str(home))]
    return Identity(f"http://{host.address}:{PORT}", service, binds)


def _make_realm(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if requests.get(f"{url}/realms/master", timeout=5).ok:
                break
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)
    keycloak.prepare(url, Identity(url, {}, []).settings)


if __name__ == "__main__":
    _make_realm(sys.argv[1])
