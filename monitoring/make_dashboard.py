"""Make ``dashboard.json``, a dashboard for Grafana, from the table below.

python monitoring/make_dashboard.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OF = '{federation=~"$federation"}'
HALF, WHOLE = 12, 24  # of the columns of a dashboard

# title, kind of panel, width, unit, expressions with their legends
PANELS: Sequence[tuple[str, str, int, str, Sequence[tuple[str, str]]]] = (
    (
        "Seconds since the last observation",
        "stat",
        HALF,
        "s",
        [(f"time() - mip_observed_timestamp_seconds{OF}", "{{federation}}")],
    ),
    ("Generation", "stat", HALF, "none", [(f"mip_generation{OF}", "{{federation}}")]),
    (
        "Conditions that are False or Unknown",
        "state-timeline",
        WHOLE,
        "none",
        [
            (
                'mip_condition{federation=~"$federation",status!="True"} == 1',
                "{{federation}} {{type}}: {{status}}",
            )
        ],
    ),
    (
        "Held, stalled, suspended",
        "state-timeline",
        WHOLE,
        "none",
        [
            (
                'mip_condition{federation=~"$federation",type=~"Held|Stalled|Suspended",status="True"}',
                "{{federation}} {{type}}",
            )
        ],
    ),
    (
        "Seconds for which a condition has its status",
        "table",
        HALF,
        "s",
        [(f"time() - mip_condition_since_seconds{OF}", "{{federation}} {{type}}")],
    ),
    ("Nodes", "state-timeline", HALF, "none", [(f"mip_node_up{OF}", "{{node}}")]),
    (
        "Versions by node",
        "table",
        HALF,
        "none",
        [(f"mip_node_info{OF}", "{{node}}: {{mip}}, Salt {{salt}}, Docker {{docker}}")],
    ),
    (
        "Free space by node",
        "timeseries",
        HALF,
        "bytes",
        [(f"mip_node_free_bytes{OF}", "{{node}}")],
    ),
    ("Services", "state-timeline", WHOLE, "none", [(f"mip_service_serving{OF}", "{{service}}")]),
    (
        "Datasets by pathology",
        "timeseries",
        HALF,
        "none",
        [(f"sum by (pathology) (mip_datasets{OF})", "{{pathology}}")],
    ),
    (
        "Problems by node",
        "timeseries",
        HALF,
        "none",
        [(f"sum by (node, severity) (mip_problems{OF})", "{{node}} {{severity}}")],
    ),
    (
        "Refreshes in an hour",
        "timeseries",
        HALF,
        "none",
        [(f"increase(mip_refresh_total{OF}[1h])", "{{outcome}}")],
    ),
    (
        "Notices in an hour",
        "timeseries",
        HALF,
        "none",
        [(f"increase(mip_notices_total{OF}[1h])", "{{channel}} {{outcome}}")],
    ),
)
HEIGHT = 7
SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard() -> dict[str, Any]:
    """The whole dashboard, as Grafana imports it."""
    panels, x, y = [], 0, 0
    for number, (title, kind, width, unit, expressions) in enumerate(PANELS, 1):
        if x + width > WHOLE:
            x, y = 0, y + HEIGHT
        panels.append(
            {
                "id": number,
                "title": title,
                "type": kind,
                "datasource": SOURCE,
                "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHT},
                "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
                "targets": [
                    {"refId": chr(ord("A") + at), "expr": expression, "legendFormat": legend}
                    for at, (expression, legend) in enumerate(expressions)
                ],
            }
        )
        x += width
    variables = [
        {"name": "source", "type": "datasource", "query": "prometheus"},
        {
            "name": "federation",
            "type": "query",
            "datasource": SOURCE,
            "query": "label_values(mip_observed_timestamp_seconds, federation)",
            "includeAll": True,
            "multi": True,
        },
    ]
    return {
        "title": "MIP federations",
        "uid": "mip-federations",
        "schemaVersion": 39,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": variables},
        "panels": panels,
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("dashboard.json").write_text(text(), encoding="utf-8")
