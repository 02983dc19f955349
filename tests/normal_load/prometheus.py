"""A Prometheus that scrapes one web server and goes by the rules of deploy/prometheus."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from digitmill.embedded.claims import free_port

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "digitmill.yml"
SCRAPE_SECONDS = 15
"""As often as the documents advise."""
START_SECONDS = 60
CONFIGURATION = """
global: {{scrape_interval: {every}s, evaluation_interval: {every}s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: digitmill
    scrape_timeout: {every}s
    static_configs: [{{targets: ["{target}"]}}]
"""


@dataclass(frozen=True)
class Alert:
    """How many seconds in all it was ``pending`` or ``firing``, for one set of labels."""

    name: str
    state: str
    seconds: float


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, path: str, **parameters: str | float) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=60)
        answer.raise_for_status()
        return answer.json()["data"]

    def series(self, query: str, began: float, ended: float, step: float = SCRAPE_SECONDS) -> list[dict[str, Any]]:
        """Each has ``metric``, its labels, and ``values``: pairs of seconds since 1970 and a number as text."""
        found: list[dict[str, Any]] = self.ask("query_range", query=query, start=began, end=ended, step=step)["result"]
        return found

    def alerts(self, began: float, ended: float) -> list[Alert]:
        return [
            Alert(one["metric"]["alertname"], one["metric"]["alertstate"], len(one["values"]) * SCRAPE_SECONDS)
            for one in self.series("ALERTS", began, ended)
        ]

    def unanswered(self, began: float, ended: float) -> int:
        """Scrapes that found no web server."""
        return sum(float(value) == 0 for one in self.series("up", began, ended) for _, value in one["values"])

    def sick_rules(self) -> list[str]:
        """Alerts that Prometheus could not look at, and so would be silent whatever happened."""
        rules = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
        return [rule["name"] for rule in rules if rule["health"] != "ok"] if rules else ["no rule was read"]


@contextmanager
def scraping(target: str, folder: Path) -> Iterator[Prometheus]:
    """``target`` is host and port. Its data lie in the folder."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("There is no prometheus here: apt-get install prometheus.")
    configuration = folder / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(every=SCRAPE_SECONDS, rules=RULES, target=target))
    port = free_port("127.0.0.1", 0)
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program, f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'prometheus'}"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        _wait_until_ready(prometheus)
        yield prometheus
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(prometheus: Prometheus) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{prometheus.url}/-/ready", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit("Prometheus did not start.")
        time.sleep(0.2)
