"""The metrics of one observation, as a text file for Prometheus' node_exporter.

There are no counts of rows and no text of a node in them: labels are names that the pillar
declares, types of ours, names of pathologies and services, and versions, which were validated. No
sample has a timestamp: the file stays what it is while nobody observes, and
``mip_observed_timestamp_seconds`` shows that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from saltext_mip.results import StatusResult, value_or
from saltext_mip.storage import atomic
from saltext_mip.watch.outbox import ChannelRecord

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: Each metric with its labels after ``federation``, and what it is.
GAUGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "mip_observed_timestamp_seconds": ((), "when the last completed observation began"),
    "mip_condition": (("type", "status"), "1 for the status that the condition has, 0 for others"),
    "mip_condition_since_seconds": (("type",), "since when the condition has its status"),
    "mip_node_up": (("node",), "1 if the node answered; nodes that are disabled are left out"),
    "mip_node_info": (("node", "mip", "salt", "docker"), "1, with the versions that it reported"),
    "mip_node_free_bytes": (("node",), "bytes that are free at a node's data path"),
    "mip_service_serving": (("service",), "1 if the service serves, 0 if not, absent: unknown"),
    "mip_datasets": (("pathology", "node"), "how many datasets a node has in the last generation"),
    "mip_problems": (("node", "severity"), "how many places have a problem"),
    "mip_generation": ((), "the number of the last generation"),
}
COUNTERS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "mip_refresh_total": (("outcome",), "refreshes of the controller since the master started"),
    "mip_notices_total": (("channel", "outcome"), "notices delivered and dropped, attempts failed"),
}
STATUSES = ("True", "False", "Unknown")
SEVERITIES = ("error", "warning", "note")
OUTCOMES = ("done", "held", "temporary", "permanent", "died")


def write(path: Path, content: bytes) -> None:
    """Replace the file as a whole, readable for all; an ``OSError`` where that is not possible."""
    atomic.replace(path, content, mode=0o644)


def text(
    status: StatusResult, records: Mapping[str, ChannelRecord], refreshes: Mapping[str, int]
) -> bytes:
    """The metrics in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest

    # when a counter was made is when this process began
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    _gauges(registry, status)
    _counters(registry, status.federation, records, refreshes)
    found: bytes = generate_latest(registry)
    return found


class _Set(Protocol):
    def __call__(self, name: str, value: float, *labels: str) -> None:
        """Set the metric of that name, with these labels after ``federation``."""


def _gauges(registry: CollectorRegistry, status: StatusResult) -> None:
    from prometheus_client import Gauge

    made = {
        name: Gauge(name, about, ("federation", *labels), registry=registry)
        for name, (labels, about) in GAUGES.items()
    }

    def set_(name: str, value: float, *labels: str) -> None:
        made[name].labels(status.federation, *labels).set(value)

    if observed := value_or(status.observed, None):
        set_("mip_observed_timestamp_seconds", _seconds(observed.at))
    for each in status.conditions:
        for name in STATUSES:
            set_("mip_condition", each.status == name, each.type, name)
        if each.since:
            set_("mip_condition_since_seconds", _seconds(each.since), each.type)
    _nodes(set_, status)
    for service, of in status.services.items():
        if of.serving is not None and not of.completed:
            set_("mip_service_serving", of.serving, service)
    for pathology, found in status.pathologies.items():
        counts = Counter(node for nodes in found.datasets.values() for node in nodes)
        for node, count in counts.items():
            set_("mip_datasets", count, pathology, node)
    problems: Counter[tuple[str, str]] = Counter(
        (each.node or "", each.severity) for each in status.problems
    )
    for node in ("", *status.nodes):
        for severity in SEVERITIES:
            set_("mip_problems", problems[node, severity], node, severity)
    set_("mip_generation", status.generation or 0)


def _nodes(set_: _Set, status: StatusResult) -> None:
    for node, info in status.nodes.items():
        if info.enabled and info.up is not None:
            set_("mip_node_up", info.up, node)
        if versions := value_or(info.versions, None):
            set_("mip_node_info", 1, node, versions.mip, versions.salt, versions.docker)
        if (free := value_or(info.free, None)) is not None:
            set_("mip_node_free_bytes", free, node)


def _counters(
    registry: CollectorRegistry,
    federation: str,
    records: Mapping[str, ChannelRecord],
    refreshes: Mapping[str, int],
) -> None:
    from prometheus_client import Counter as Counted

    made = {
        name: Counted(name, about, ("federation", *labels), registry=registry)
        for name, (labels, about) in COUNTERS.items()
    }
    for outcome in OUTCOMES:
        made["mip_refresh_total"].labels(federation, outcome).inc(refreshes.get(outcome, 0))
    for channel, record in records.items():
        for outcome in ("delivered", "failed", "dropped"):
            counted = made["mip_notices_total"].labels(federation, channel, outcome)
            counted.inc(getattr(record, outcome))


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
