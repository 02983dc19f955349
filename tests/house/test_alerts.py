"""The alerts of deploy/prometheus: about figures that there are, fired by the faults that they are for, else silent."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")


def test_alerts_are_about_figures_that_the_web_server_gives() -> None:
    rules = re.sub(r"(?m)^#.*$", "", (RULES / "digitmill.yml").read_text())
    named = set(re.findall(r"\bdigitmill_[a-z_]+", rules))
    source = (ROOT / "web" / "metrics.py").read_text()
    assert named
    assert {name.removesuffix("_total") for name in named} <= set(re.findall(r'"(digitmill_[a-z_]+)"', source))


def test_every_alert_is_played() -> None:
    names = re.findall(r"alert: (\w+)", (RULES / "digitmill.yml").read_text())
    played = (RULES / "digitmill_test.yml").read_text()
    for name in names:
        assert f"alertname: {name}}}" in played, f"{name} is silent under normal load"
        assert f'alertname="{name}"' in played, f"{name} fires in its fault"


@pytest.mark.skipif(
    PROMTOOL is None, reason="THE ALERTS ARE NOT TESTED: there is no promtool (apt-get install prometheus)"
)
def test_alerts_fire_in_faults_and_are_silent_under_normal_load() -> None:
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", "digitmill_test.yml"], cwd=RULES, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
