"""Draws the dashboard of deploy/grafana from what a Prometheus holds, as Grafana lays it out."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tests.normal_load.prometheus import ROOT, Prometheus

BOARD = ROOT / "deploy" / "grafana" / "digitmill.json"
COLUMNS = 24
"""Of Grafana's grid."""
WIDTH_INCHES = 16.0
ROW_INCHES = 0.27
"""Height of a row of the grid."""
RATE = "2m"
POINTS = 240
MOST_IN_A_LEGEND = 8
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
PIECES = {"s": " s", "bytes": "B", "Bps": "B/s", "percentunit": " %"}


def draw(prometheus: Prometheus, began: float, ended: float, out: Path) -> None:
    board = json.loads(BOARD.read_text())
    rows = max(place["y"] + place["h"] for panel in board["panels"] for place in [panel["gridPos"]])
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(WIDTH_INCHES, rows * ROW_INCHES), dpi=80, layout=None)
        for panel in board["panels"]:
            place = panel["gridPos"]
            left, width = place["x"] / COLUMNS, place["w"] / COLUMNS
            top, height = 1 - place["y"] / rows, place["h"] / rows
            if panel["type"] == "row":
                figure.text(0.008, top - height / 2, panel["title"], weight="bold", size=11, va="center")
                continue
            margin = 0.9 / rows
            box = (left + 0.035, top - height + margin, width - 0.045, height - 2.1 * margin)
            axes = figure.add_axes(box)
            axes.set_title(panel["title"], loc="left", size=9)
            fill = _number if panel["type"] == "stat" else _lines
            fill(axes, panel, prometheus, began, ended)
        figure.savefig(out, facecolor="white")


def _lines(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, began: float, ended: float) -> None:
    lines = 0
    for target in panel["targets"]:
        for one in prometheus.series(_query(target["expr"]), began, ended, (ended - began) / POINTS):
            points = [(float(at), float(value)) for at, value in one["values"] if not math.isnan(float(value))]
            if points:
                times = [datetime.fromtimestamp(at, UTC) for at, _ in points]
                label = _legend(target["legendFormat"], one["metric"])
                axes.plot(times, [value for _, value in points], label=label, linewidth=1)  # type: ignore[arg-type]
                lines += 1
    axes.set_xlim(datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(ended, UTC))  # type: ignore[arg-type]
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _told(value, _unit(panel))))
    if 0 < len(axes.get_legend_handles_labels()[0]) <= MOST_IN_A_LEGEND:
        axes.legend(fontsize=6, loc="upper left", frameon=False, ncols=2)
    if not lines:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color="grey")


def _number(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, began: float, ended: float) -> None:
    (target,) = panel["targets"]
    found = prometheus.series(_query(target["expr"]), began, ended, (ended - began) / POINTS)
    values = [float(value) for one in found for _, value in one["values"]]
    axes.axis("off")
    last = _told(values[-1], _unit(panel)) if values else "none"
    axes.text(0.5, 0.5, last, transform=axes.transAxes, ha="center", va="center", size=22, color="tab:green")


def _query(expression: str) -> str:
    return expression.replace("$__rate_interval", RATE).replace("$job", "digitmill")


def _legend(form: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), form) or "all"


def _unit(panel: dict[str, Any]) -> str:
    return str(panel["fieldConfig"]["defaults"].get("unit", ""))


def _told(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{100 * value:.3g}{PIECES[unit]}"
    for factor, letter in PREFIXES:
        if abs(value) >= factor and unit != "s":
            return f"{value / factor:.3g} {letter}{PIECES.get(unit, '').strip()}"
    return f"{value:.3g}{PIECES.get(unit, '')}"
