"""``make try``: a throw-away federation, and a shell on its pusher in which to type ``mip``.

Two hospitals; the second one's file has a decimal comma in one row. The manual's *Quickstart* is
typed here. The federation ends with the shell.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.support.local import PUSHER, LocalFederation

H1, H2 = "fed1-wk-h1", "fed1-wk-h2"
CDE: Mapping[str, Any] = {
    "code": "dementia",
    "label": "Dementia",
    "variables": [
        {
            "code": "dataset",
            "label": "Dataset",
            "type": "nominal",
            "sql_type": "text",
            "isCategorical": True,
            "enumerations": [],
        },
        {
            "code": "age",
            "label": "Age",
            "type": "integer",
            "sql_type": "int",
            "isCategorical": False,
        },
        {
            "code": "gender",
            "label": "Gender",
            "type": "nominal",
            "sql_type": "text",
            "isCategorical": True,
            "enumerations": [{"code": "F", "label": "Female"}, {"code": "M", "label": "Male"}],
        },
        {
            "code": "lefthippocampus",
            "label": "Left hippocampus",
            "type": "real",
            "sql_type": "real",
            "isCategorical": False,
            "units": "cm3",
        },
    ],
    "groups": [],
}
HEADER = "dataset,age,gender,lefthippocampus"
BAD = "ppmi,71,F,2,91"


def table(dataset: str, ages: range) -> list[str]:
    rows = [f"{dataset},{age},{'FM'[age % 2]},{2 + age % 7 / 10:.1f}" for age in ages]
    return [HEADER, *rows]


def fill(fed: LocalFederation) -> None:
    cde = json.dumps(CDE, indent=2).encode() + b"\n"
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde)
    good, bad = table("edsd", range(55, 75)), table("ppmi", range(60, 76))
    bad[3] = BAD
    for node, name, lines in ((H1, "edsd.csv", good), (H2, "ppmi.csv", bad)):
        fed.write_data(node, "dementia", name, ("\n".join(lines) + "\n").encode())


def environment(fed: LocalFederation) -> dict[str, str]:
    """That of the shell: ``mip`` finds the federation, ``$FED`` is its folder."""
    config = str(fed.hosts[PUSHER].config)
    return {**fed.env(), "SALT_CONFIG_DIR": config, "FED": str(fed.root), "PS1": "pusher$ "}


def main() -> int:
    print("Starting a Salt master (pusher), a master node, a ui node and two hospitals ...")
    sys.stdout.flush()
    with LocalFederation(workers=2) as fed:
        fill(fed)
        print("Ready. Type mip; exit ends the federation. Files of the nodes are below $FED:")
        for node in ("fed1-ms", H1, H2):
            print(f"  $FED/{(fed.data_path(node) / 'dementia').relative_to(fed.root)}")
        sys.stdout.flush()
        return subprocess.run(["bash", "--norc"], env=environment(fed), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
