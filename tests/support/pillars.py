"""The pillar of throw-away federations: what is declared of each, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def declaration(root: Path, name: str, *, index: int, workers: int) -> dict[str, Any]:
    """A federation with master, ui and so many workers, each with a folder of its own."""
    nodes: dict[str, Any] = {
        f"{name}-ms": {"role": "master", "address": f"127.7{index}.0.10"},
        f"{name}-ui": {"role": "ui", "address": f"127.7{index}.0.11"},
    }
    for number in range(1, workers + 1):
        nodes[f"{name}-wk-h{number}"] = {
            "role": "worker",
            "hospital": f"h{number}",
            "address": f"127.7{index}.{number // 200}.{20 + number % 200}",
            "contact": f"it@h{number}.example",
        }
    for node, facts in nodes.items():
        if facts["role"] != "ui":
            facts["data_path"] = str(root / node / "data" / name)
    return {
        "nodes": nodes,
        "ui_path": str(root / f"{name}-ui" / "mip/Federation"),
        "watch": {"every": 0},  # each observation is a job on every node
    }


def write(folder: Path, pusher: str, declared: Mapping[str, Mapping[str, Any]]) -> None:
    """A file a federation, for its own nodes and the pusher."""
    (folder / "mip").mkdir(parents=True, exist_ok=True)
    top: dict[str, list[str]] = {pusher: []}
    for name, federation in declared.items():
        sls = yaml.safe_dump({"mip": {"federations": {name: federation}}}, sort_keys=False)
        (folder / "mip" / f"{name}.sls").write_text(sls, encoding="utf-8")
        top[pusher].append(f"mip.{name}")
        top[f"{name}-*"] = [f"mip.{name}"]
    text = yaml.safe_dump({"base": top}, sort_keys=False)
    (folder / "top.sls").write_text(text, encoding="utf-8")
