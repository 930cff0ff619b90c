"""As many as a large federation has; how long it takes is printed, for people."""

from __future__ import annotations

import time

from tests.functional.keycloak.worlds import data
from tests.support.commands import sync


def test_two_hundred_datasets_on_thirty_nodes(realm, pillar, proxy, capsys):
    structure = data(
        **{
            f"pathology{p}": {
                f"wk{n}": [f"p{p}d{d}" for d in range(20) if (n + d) % 3 == 0] for n in range(30)
            }
            for p in range(10)
        }
    )
    begin = time.perf_counter()
    result = sync(structure, pillar)
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    again = sync(structure, {**pillar, "server_url": proxy.url})
    nothing = time.perf_counter() - begin
    with capsys.disabled():
        print(f"\n{len(result['plan'])} deeds in {first:.1f} s, nothing to do in {nothing:.1f} s")
    assert sum(name.startswith("RESEARCH_DATASET_p") for name in result["created"]) == 200
    assert sum(name.startswith("DC_HOSPITAL_") for name in result["created"]) == 30
    assert again["plan"] == []
    assert proxy.writes == []
