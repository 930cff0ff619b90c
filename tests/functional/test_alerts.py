"""The real Prometheus, Alertmanager and node_exporter with our files: from a status to an alert.

The rules are those of ``monitoring/``, but for how long something has to last: nobody waits here.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs

from saltext_mip.results import Observed, ReportedCondition
from saltext_mip.watch import metrics
from tests.functional.test_channels import Posted, https
from tests.support.processes import Daemon
from tests.support.salthost import free_ports
from tests.support.waiting import until
from tests.unit.watch.values import condition, good, replaced, status

RULES = Path(__file__).resolve().parents[2] / "monitoring" / "mip-alerts.yaml"
#: Debian's name of each program, and its own.
PROGRAMS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "node_exporter": ("prometheus-node-exporter", "node_exporter"),
}
FOUND = {name: next(filter(None, map(shutil.which, names)), "") for name, names in PROGRAMS.items()}
MISSING = ", ".join(name for name, path in FOUND.items() if not path)

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")


class Monitoring:
    """The three programs on ports of their own, and what Alertmanager posts."""

    def __init__(self, root: Path, posted: Posted) -> None:
        self.root = root
        self.posted = posted
        self.textfiles = root / "textfiles"
        self.textfiles.mkdir(parents=True)
        self.ports = dict(zip(PROGRAMS, free_ports(3), strict=True))
        self._configure()
        self.daemons = {name: self._daemon(name) for name in PROGRAMS}

    def _configure(self) -> None:
        rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule["for"] = "1s"
        prometheus = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [self._target("alertmanager")]},
            "scrape_configs": [{"job_name": "pusher", **self._target("node_exporter")}],
        }
        alertmanager = {
            "route": {"receiver": "test", "group_wait": "1s", "group_interval": "1s"},
            "receivers": [{"name": "test", "webhook_configs": [{"url": self.posted.url}]}],
        }
        for name, value in (
            ("rules.yaml", rules),
            ("prometheus.yaml", prometheus),
            ("alertmanager.yaml", alertmanager),
        ):
            (self.root / name).write_text(yaml.safe_dump(value), encoding="utf-8")

    def _target(self, name: str) -> dict[str, Any]:
        return {"static_configs": [{"targets": [f"127.0.0.1:{self.ports[name]}"]}]}

    def _daemon(self, name: str) -> Daemon:
        options = {
            "prometheus": (
                f"--config.file={self.root / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self.root / 'prometheus'}",
            ),
            "alertmanager": (
                f"--config.file={self.root / 'alertmanager.yaml'}",
                f"--storage.path={self.root / 'alertmanager'}",
                "--cluster.listen-address=",
            ),
            "node_exporter": (
                "--collector.disable-defaults",
                "--collector.textfile",
                f"--collector.textfile.directory={self.textfiles}",
            ),
        }
        listen = f"--web.listen-address=127.0.0.1:{self.ports[name]}"
        return Daemon(
            [FOUND[name], listen, *options[name]],
            log=self.root / f"{name}.log",
            env=dict(os.environ),
        )

    def start(self) -> bool:
        """Whether all of them are ready; not so if another program took a port."""
        for daemon in self.daemons.values():
            daemon.start()
        paths = {"prometheus": "-/ready", "alertmanager": "-/ready", "node_exporter": "metrics"}
        until(
            lambda: (
                all(self._answers(name, path) for name, path in paths.items())
                or not all(each.running for each in self.daemons.values())
            ),
            instead=self.logs,
        )
        return all(each.running for each in self.daemons.values())

    def _answers(self, name: str, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/{path}", timeout=10):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        for daemon in self.daemons.values():
            daemon.kill()

    def logs(self) -> str:
        return "\n".join(each.log.read_text()[-1000:] for each in self.daemons.values())

    def observe(self, conditions: list[ReportedCondition]) -> None:
        """What the observer writes after each observation."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found = structs.replace(
            status(conditions), observed=Observed(at=now, seconds=1.0, next=now)
        )
        metrics.write(self.textfiles / "mip-fed1.prom", metrics.text(found, {}, {}))

    def alerts(self, state: str) -> set[tuple[str, str, str]]:
        """Those that were posted: name, federation and summary."""
        found = set()
        for _, _, _, content in list(self.posted.requests):
            for each in json.loads(content)["alerts"]:
                if each["status"] == state:
                    labels = each["labels"]
                    summary = each["annotations"]["summary"]
                    found.add((labels["alertname"], labels.get("federation", ""), summary))
        return found


@pytest.fixture
def monitoring(tmp_path: Path) -> Iterator[Monitoring]:
    with https(None) as posted, ExitStack() as stack:
        for attempt in range(3):
            made = Monitoring(tmp_path / str(attempt), posted)
            made.observe(good())
            stack.callback(made.stop)
            if made.start():
                break
        else:
            pytest.fail(made.logs())
        yield made


def test_a_worker_that_is_missing_fires_its_alert_and_its_return_resolves_it(
    monitoring: Monitoring,
) -> None:
    missing = condition("WorkersReachable", "False", "WorkerMissing", "fed1-wk-h1: no connection")
    alert = ("MipWorkerMissing", "fed1", "A node of fed1 does not respond")
    monitoring.observe(replaced(missing))
    until(lambda: alert in monitoring.alerts("firing"), instead=monitoring.logs)
    assert monitoring.alerts("firing") == {alert}
    monitoring.observe(good())
    until(lambda: alert in monitoring.alerts("resolved"), instead=monitoring.logs)
    assert monitoring.alerts("firing") == {alert}
