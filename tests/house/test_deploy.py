"""What deploy/ sets up goes by settings that there are, and can be read by the tools that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from digitmill.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
KUBECTL = shutil.which("kubectl")
VALIDATE = ROOT / ".tools-deploy" / "bin" / "kubernetes-validate"
VERIFY = shutil.which("systemd-analyze")
with_schemas = pytest.mark.skipif(
    not VALIDATE.exists(), reason="NOT TESTED: run `make .tools-deploy`, which brings Kubernetes' schemas"
)
OF_OTHERS = {"keda.yaml", "kustomization.yaml"}
"""Kinds that Kubernetes itself has no schema of."""


def test_every_setting_that_is_named_exists() -> None:
    files = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    named = {name for path in files for name in re.findall(rf"{PREFIX}([A-Z_]+)", path.read_text())}
    assert named
    assert {name.lower() for name in named} - {"name"} <= set(Settings.model_fields)


@pytest.mark.skipif(KUBECTL is None, reason="NOT TESTED: there is no kubectl here")
def test_kustomize_builds_web_workers_and_redis() -> None:
    done = subprocess.run(
        [str(KUBECTL), "kustomize", str(ROOT / "deploy" / "kubernetes")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kinds = sorted(re.findall(r"^kind: (\w+)$", done.stdout, re.MULTILINE))
    assert kinds.count("Deployment") == kinds.count("PodDisruptionBudget") == 2
    assert kinds.count("StatefulSet") == 1
    assert "name: digitmill-data" in done.stdout


@pytest.mark.skipif(
    not VALIDATE.exists(), reason="NOT TESTED: run `make .tools-deploy`, which brings Kubernetes' schemas"
)
def test_every_object_fits_the_schema_of_kubernetes() -> None:
    files = [path for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")) if path.name not in OF_OTHERS]
    done = subprocess.run([str(VALIDATE), "--strict", *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = (done.stdout + done.stderr).splitlines()
    objects = sum(len(re.findall(r"^kind:", path.read_text(), re.MULTILINE)) for path in files)
    assert len([line for line in told if line.startswith("INFO") and " passed " in line]) == objects, told


@pytest.mark.skipif(
    not VALIDATE.exists(), reason="NOT TESTED: run `make .tools-deploy`, which brings Kubernetes' schemas"
)
def test_an_object_that_does_not_fit_is_found(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "kubernetes" / "web.yaml").read_text()
    assert "replicas:" in text
    (tmp_path / "web.yaml").write_text(text.replace("replicas:", "replica:"))
    done = subprocess.run([str(VALIDATE), "--strict", str(tmp_path / "web.yaml")], capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.skipif(VERIFY is None, reason="NOT TESTED: there is no systemd-analyze here")
def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    for path in sorted((ROOT / "deploy" / "systemd").iterdir()):
        # the program is not installed where this is tested
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/digitmill/bin/digitmill", "/bin/true"))
    units = sorted(map(str, tmp_path.iterdir()))
    assert len(units) == 3
    done = subprocess.run([str(VERIFY), "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "digitmill" in line]
    assert (done.returncode, said) == (0, [])
