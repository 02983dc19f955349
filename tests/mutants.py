"""Changes of the core that no test notices: ``python -m tests.mutants [part of a file's name…]``, or ``make mutants``.

Of the scripts of the store each statement is left out, one at a time; modules are changed by cosmic-ray. All happens in
a copy of the checkout, so that a run that is stopped leaves nothing behind. A whole run takes hours.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lupa  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
COSMIC_RAY = ROOT / ".tools" / "bin"
SCRIPTS = "digitmill/store/lua"
OF_SCRIPTS = ("tests/store", "tests/core")
MODULES = {
    "digitmill/jobs/jobs.py": ("tests/core",),
    "digitmill/upkeep/recovery.py": ("tests/core/test_recovery.py",),
    "digitmill/work/taking.py": ("tests/core",),
    "digitmill/store/rows.py": ("tests/store/test_rows.py", "tests/core/test_jobs.py"),
    "digitmill/uploads/zip_directory.py": ("tests/uploads",),
    "digitmill/imaging/normaliser/normalise.py": ("tests/imaging",),
}
"""With the tests that are to notice."""
COPIED = ("digitmill", "web", "worker", "training", "tests", "samples", "docs", "pyproject.toml")
SECONDS = 600


def main() -> int:
    wanted = sys.argv[1:] or [""]
    survivors: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        for script in sorted((copy / SCRIPTS).glob("*.lua")):
            if any(part in f"{SCRIPTS}/{script.name}" for part in wanted):
                survivors += _survivors_of_script(copy, script)
        for module, tests in MODULES.items():
            if any(part in module for part in wanted):
                survivors += _survivors_of_module(copy, module, tests)
    sys.stdout.write("\n".join(["", f"{len(survivors)} changes were not noticed.", *survivors, ""]))
    return 0


def _survivors_of_script(copy: Path, script: Path) -> Iterator[str]:
    text = script.read_text()
    try:
        for number, mutant in _without_a_line(text):
            script.write_text(mutant)
            noticed = fails(_pytest(OF_SCRIPTS), copy, SECONDS)
            _say(f"{script.name}:{number} {'noticed' if noticed else 'NOT NOTICED'}")
            if not noticed:
                yield f"{SCRIPTS}/{script.name}:{number}: {text.splitlines()[number - 1].strip()}"
    finally:
        script.write_text(text)


def fails(command: list[str], folder: Path, seconds: float) -> bool:
    """Whether the command fails in ``folder``, or does not end in time: a script that lacks a line may never end."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=seconds).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def _without_a_line(text: str) -> Iterator[tuple[int, str]]:
    """Each number of a line, from 1, whose loss leaves a script that can be read; and that script."""
    lua, lines = lupa.LuaRuntime(), text.splitlines(keepends=True)
    for place, line in enumerate(lines):
        mutant = "".join(lines[:place] + lines[place + 1 :])
        if line.strip() and not line.lstrip().startswith("--") and _can_be_read(lua, mutant):
            yield place + 1, mutant


def _can_be_read(lua: lupa.LuaRuntime, text: str) -> bool:
    try:
        lua.compile(text)
    except lupa.LuaError:
        return False
    return True


def _survivors_of_module(copy: Path, module: str, tests: tuple[str, ...]) -> Iterator[str]:
    config, session = copy / "mutants.toml", copy / "mutants.sqlite"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {SECONDS}\nexcluded-modules = []\n'
        f'test-command = "{" ".join(_pytest(tests))}"\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    session.unlink(missing_ok=True)
    for step in ("init", "exec"):
        _say(f"{module}: {step}")
        subprocess.run([COSMIC_RAY / "cosmic-ray", step, config, session], cwd=copy, check=True)
    command = [str(COSMIC_RAY / "cr-report"), "--surviving-only", str(session)]
    yield subprocess.run(command, cwd=copy, check=True, capture_output=True, text=True).stdout


def _pytest(tests: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
