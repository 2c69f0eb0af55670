"""A page as a Grafana dashboard (schema 39), to be provisioned from a folder."""

from __future__ import annotations

from typing import Any

from panel import UNITS, VERSIONS_PUBLISHED, Page, Panel

SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS, HEIGHT = 24, 8


def expression(expr: str) -> str:
    return expr.replace("MODEL", "$model").replace("WINDOW", "$__rate_interval")


def targets(panel: Panel) -> list[dict[str, Any]]:
    table = panel.kind == "table"
    return [
        {
            "datasource": SOURCE,
            "refId": chr(ord("A") + index),
            "expr": expression(query.expr),
            "legendFormat": query.legend,
            "instant": table,
            "range": not table,
        }
        for index, query in enumerate(panel.queries)
    ]


def graph(panel: Panel, index: int) -> dict[str, Any]:
    custom: dict[str, Any] = {"lineWidth": 2, "fillOpacity": 0, "showPoints": "never", "spanNulls": False}
    if panel.log:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    defaults: dict[str, Any] = {"unit": UNITS[panel.unit], "custom": custom}
    if not panel.log:
        # A soft zero: skill may go below it.
        custom["axisSoftMin"] = 0
    needs = f" Needs {panel.needs}." if panel.needs else ""
    return {
        "id": index + 1,
        "type": "stat" if panel.kind == "table" else "timeseries",
        "title": panel.title,
        "description": panel.about + needs,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": COLUMNS // 2, "x": COLUMNS // 2 * (index % 2), "y": HEIGHT * (index // 2)},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"textMode": "name", "colorMode": "none"}
        if panel.kind == "table"
        else {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets(panel),
    }


def dashboard(page: Page) -> dict[str, Any]:
    return {
        "uid": f"rollout-{page.name}",
        "title": f"Rollout: {page.title}",
        "description": page.about,
        "tags": ["rollout"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {
                    "name": "model",
                    "label": "Model",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": {"query": "label_values(rollout_model_state, model)", "refId": "models"},
                    "refresh": 2,
                    "includeAll": True,
                    "allValue": ".*",
                    "multi": True,
                    "current": {"text": "All", "value": "$__all"},
                }
            ]
        },
        "annotations": {
            "list": [
                {
                    "name": "Versions published",
                    "datasource": SOURCE,
                    "enable": True,
                    "iconColor": "purple",
                    "expr": expression(VERSIONS_PUBLISHED) + " * 1000",
                    "useValueForTime": "on",
                    "titleFormat": "{{model}} v{{version}} published",
                }
            ]
        },
        "links": [
            {"title": "Rollout", "type": "dashboards", "tags": ["rollout"], "includeVars": True, "keepTime": True}
        ],
        "panels": [graph(panel, index) for index, panel in enumerate(page.panels)],
    }
