"""What happens when the project's modules are imported, in a process of its own: nothing, and no framework comes in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house.sources import PACKAGES, ROOT, modules

FRAMEWORKS = {"tensorflow", "keras", "openvino", "torch", "jax"}

# Prints what importing the modules of argv[2] does, after the libraries of argv[1] have been imported.
SCRIPT = """
import importlib, json, os, sys, threading
libraries, own = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for name in libraries:
    importlib.import_module(name)
events, threads = [], threading.active_count()
def hook(event, arguments):
    if event.startswith(("socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.posix_spawn", "os.mkdir")):
        events.append(event)
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        events.append(f"open {arguments[0]}")
sys.addaudithook(hook)
for name in own:
    importlib.import_module(name)
if threading.active_count() != threads:
    events.append("a thread")
print(json.dumps({"events": events, "modules": sorted(sys.modules)}))
"""


def import_all(own: list[str], libraries: list[str]) -> tuple[list[str], set[str]]:
    done = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT, json.dumps(libraries), json.dumps(own)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["events"], set(said["modules"])


@pytest.mark.parametrize("package", ["web", "worker"])
def test_web_and_the_workers_parent_load_no_deep_learning_framework(package: str) -> None:
    _, loaded = import_all(sorted(modules(package)), [])
    assert not loaded & FRAMEWORKS


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_opens_nothing_writes_nothing_and_starts_nothing(package: str) -> None:
    own = sorted(modules(package))
    libraries = {imported for name in own for imported in modules()[name].at_import}
    events, _ = import_all(own, sorted(name for name in libraries if name.partition(".")[0] not in PACKAGES))
    assert events == []


def test_the_watch_sees_what_it_watches_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT, "[]", '["loud"]'],
        cwd=_loud_module(tmp_path_factory),
        capture_output=True,
        text=True,
        check=True,
    )
    events = json.loads(done.stdout)["events"]
    assert "socket.bind" in events
    assert "a thread" in events
    assert any(event.startswith("open") for event in events)


def _loud_module(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("loud")
    (folder / "loud.py").write_text(
        "import socket, threading, time\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.close()\n"
        "open('written', 'w').close()\n"
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n"
    )
    return str(folder)
