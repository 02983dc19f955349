"""The web process never loads a deep-learning framework, and importing it does nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = {"tensorflow", "keras", "openvino"}
SCRIPT = """
import importlib, json, pkgutil, sys
import web
names = ["web"] + [m.name for m in pkgutil.walk_packages(web.__path__, "web.")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"imported": names, "loaded": sorted(sys.modules)}))
"""
SERVING = """
import json, sys
from pathlib import Path
from digitmill.settings import Settings
from tests.in_process import in_process
from tests.web.fakes import one
from web.app import create_app
client = create_app(in_process(Settings(var=Path(sys.argv[1]))).service).test_client()
for path in ("/v1/models", "/v1/jobs", "/readyz", "/docs"):
    client.get(path)
posted = client.post("/v1/jobs", data=one(), content_type="image/png")
if posted.status_code == 202:
    client.get(posted.headers["Location"] + "/results/0/image?view=normalised")
print(json.dumps({"loaded": sorted(sys.modules)}))
"""


def run(script: str, *arguments: str) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    said: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_importing_every_module_of_web_loads_no_framework() -> None:
    said = run(SCRIPT)
    assert "web.server.server" in said["imported"]
    assert "web.views.jobs" in said["imported"]
    assert not FRAMEWORKS & set(said["loaded"])


def test_serving_requests_loads_no_framework(tmp_path: Path) -> None:
    assert not FRAMEWORKS & set(run(SERVING, str(tmp_path))["loaded"])
