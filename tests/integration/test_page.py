"""The status page of a real master, set up by ``mip.setup``: it shows what the observer found."""

from __future__ import annotations

import urllib.error
import urllib.request

from tests.support import salthost
from tests.support.following import Following
from tests.support.local import LocalFederation
from tests.support.waiting import until
from tests.unit.pusher.conftest import cde, rows

ALONE = True
(PORT,) = salthost.free_ports(1)
DECLARE = {"watch": {"every": 3}, "page": {"port": PORT}}


def page(path: str) -> str:
    """What a browser gets; empty while there is no answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=30) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return ""


def test_the_page_shows_what_the_observer_found(fed: LocalFederation) -> None:
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde().encode())
    fed.write_data("fed1-wk-h1", "dementia", "edsd.csv", rows("edsd").encode())
    made = Following(fed)
    made.install()
    made.settled(lambda: made.offered.get("dementia") == ["edsd"])
    found = fed.run("mip.page", "federation=fed1").json
    assert found["url"] == f"http://127.0.0.1:{PORT}/fed1/"
    assert found["tunnel"].startswith(f"ssh -N -L {PORT}:127.0.0.1:{PORT} ")
    until(lambda: "Added</span> dementia: edsd" in page("/fed1/"))
    assert "mip_generation" in page("/metrics")
    assert "fed1-wk-h1" in page("/fed1/status.json")
    assert page("/healthz") == "ok\n"
