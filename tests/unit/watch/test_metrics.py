"""The metrics' file, and that rules and dashboard ask for what is in it."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from saltext_mip.results import (
    MemberInfo,
    Observed,
    PathologyStatus,
    ServiceInfo,
    StatusResult,
    Versions,
)
from saltext_mip.watch import metrics
from saltext_mip.watch.outbox import ChannelRecord
from tests.unit.watch.values import condition, problem, replaced, status

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "monitoring"
ODD = 'a"b\\c\nd<script>'


def member(node: str, *, up: bool, enabled: bool = True) -> MemberInfo:
    """Those that are up have reported their versions and free space."""
    reported = {"versions": Versions(mip="0.2.1", salt="3008.2", docker="unknown"), "free": 7 << 30}
    return MemberInfo(
        role="worker",
        short="wk1",
        address="10.0.0.1",
        enabled=enabled,
        up=up,
        since=None,
        swarm=None,
        **(reported if up else {}),
    )


def service(*, serving: bool | None) -> ServiceInfo:
    return ServiceInfo(node="n", image="i:1", replicas="1/1", serving=serving)


def observed() -> StatusResult:
    held = structs.replace(condition("Held", "True", "ShrinkGuard"), since="2026-03-12T04:00:00Z")
    return structs.replace(
        status(replaced(held), [problem(), problem(count="<10", rule="Unreadable")]),
        nodes={
            "fed1-wk-h1": member("fed1-wk-h1", up=True),
            "fed1-wk-h2": member("fed1-wk-h2", up=False),
            "fed1-wk-h3": member("fed1-wk-h3", up=False, enabled=False),
        },
        services={
            "a": service(serving=True),
            "b": service(serving=False),
            "c": service(serving=None),
        },
        pathologies={
            ODD: PathologyStatus(
                datasets={"edsd": ["fed1-wk-h1"], "ppmi": ["fed1-wk-h1", "fed1-wk-h2"]},
                compiled=[],
                stale={},
                served=True,
                generation=7,
            )
        },
        generation=7,
        observed=Observed(at="2026-03-12T04:05:00Z", seconds=1.0, next="2026-03-12T04:06:00Z"),
    )


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels in their order, but ``federation``, which each has."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for each in family.samples:
            labels = dict(sorted(each.labels.items()))
            assert labels.pop("federation") == "fed1"
            assert each.timestamp is None
            found[each.name, *labels.values()] = each.value
    return found


@pytest.fixture
def text() -> bytes:
    records = {"oncall": ChannelRecord(delivered=3, failed=2, error="https://secret")}
    return metrics.text(observed(), records, {"done": 4})


def test_it_has_what_was_observed(text: bytes) -> None:
    found = samples(text)
    assert found["mip_observed_timestamp_seconds",] == 1_773_288_300.0
    assert found["mip_generation",] == 7.0
    held = [found["mip_condition", each, "Held"] for each in ("True", "False", "Unknown")]
    assert held == [1.0, 0.0, 0.0]
    assert found["mip_condition_since_seconds", "Held"] == 1_773_288_000.0
    nodes = {key[1]: value for key, value in found.items() if key[0] == "mip_node_up"}
    assert nodes == {"fed1-wk-h1": 1.0, "fed1-wk-h2": 0.0}
    info = {key[1:]: value for key, value in found.items() if key[0] == "mip_node_info"}
    assert info == {("unknown", "0.2.1", "fed1-wk-h1", "3008.2"): 1.0}  # docker, mip, node, salt
    free = {key[1]: value for key, value in found.items() if key[0] == "mip_node_free_bytes"}
    assert free == {"fed1-wk-h1": 7.0 * 2**30}
    services = {key[1]: value for key, value in found.items() if key[0] == "mip_service_serving"}
    assert services == {"a": 1.0, "b": 0.0}
    assert found["mip_datasets", "fed1-wk-h1", ODD] == 2.0
    assert found["mip_problems", "fed1-wk-h1", "error"] == 2.0
    assert found["mip_problems", "fed1-wk-h2", "error"] == 0.0
    assert found["mip_refresh_total", "done"] == 4.0
    assert found["mip_refresh_total", "died"] == 0.0
    assert found["mip_notices_total", "oncall", "delivered"] == 3.0
    assert {key[0] for key in found} == {*metrics.GAUGES, *metrics.COUNTERS}
    assert b"secret" not in text
    assert b"<10" not in text


def test_the_file_is_readable_for_all_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "mip-fed1.prom"
    metrics.write(path, metrics.text(observed(), {"oncall": ChannelRecord()}, {}))
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.stat().st_ino
    later = structs.replace(observed(), generation=8)
    metrics.write(path, metrics.text(later, {"oncall": ChannelRecord()}, {}))
    assert path.stat().st_ino != before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def expressions() -> list[str]:
    rules = yaml.safe_load((MONITORING / "mip-alerts.yaml").read_text(encoding="utf-8"))
    found = [each["expr"] for group in rules["groups"] for each in group["rules"]]
    dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    found += [one["expr"] for panel in dashboard["panels"] for one in panel["targets"]]
    found += [str(each["query"]) for each in dashboard["templating"]["list"]]
    return found


def test_each_expression_names_metrics_and_labels_that_exist() -> None:
    known = {
        name: {"federation", *of[0]} for name, of in {**metrics.GAUGES, **metrics.COUNTERS}.items()
    }
    used = set()
    for each in expressions():
        for name, labels in re.findall(r"\b(mip_\w+)(?:\{([^}]*)\})?", each):
            used.add(name)
            assert name in known, each
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|=)", labels)) <= known[name], each
    assert used == set(known)


def test_the_manual_has_each_metric() -> None:
    page = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(mip_\w+)` \| (.*?) \|", page, re.MULTILINE))
    assert {name: re.findall(r"`(\w+)`", labels) for name, labels in rows.items()} == {
        name: list(of[0]) for name, of in {**metrics.GAUGES, **metrics.COUNTERS}.items()
    }


def test_the_dashboard_is_made_from_its_table() -> None:
    spec = importlib.util.spec_from_file_location("made", MONITORING / "make_dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (MONITORING / "dashboard.json").read_text(encoding="utf-8") == module.text()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_accepts_rules_tests_and_file(text: bytes) -> None:
    for what in (("check", "rules", "mip-alerts.yaml"), ("test", "rules", "mip-alerts-test.yaml")):
        done = subprocess.run(
            ["promtool", *what], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
