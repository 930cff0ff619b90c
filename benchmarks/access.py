"""Roles and groups of a large federation on a real Keycloak: 200 datasets on 30 nodes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.keycloak import NEW, OLD, running

from saltext_mip.keycloak import sync


def main() -> dict[str, Any]:
    structure = [
        {
            "name": f"pathology{p}",
            "nodes": [
                {
                    "name": f"wk{n}",
                    "datasets": [{"name": f"p{p}d{d}"} for d in range(20) if (n + d) % 3 == 0],
                }
                for n in range(30)
            ],
        }
        for p in range(10)
    ]
    figures: dict[str, Any] = {}
    for release in (NEW, OLD):
        with (
            tempfile.TemporaryDirectory() as folder,
            running(release, Path(folder)) as server,
        ):
            realm = server.realm("MIP")
            realm.service_account("mip-admin", "secret")
            pillar = {
                "server_url": realm.url,
                "realm": realm.name,
                "client_id": "fed1",
                "admin_client_id": "mip-admin",
                "admin_client_secret": "secret",
            }
            seconds = []
            for _ in range(3):
                begin = time.perf_counter()
                result = sync(structure, pillar)
                seconds.append(round(time.perf_counter() - begin, 2))
            print(f"Keycloak {release.version}: first sync {seconds[0]} s, then {seconds[1:]} s")
            figures[release.version] = {
                "things": len(result.unchanged),
                "first sync, seconds": seconds[0],
                "nothing to do, seconds": seconds[1:],
            }
    return figures
