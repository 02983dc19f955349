"""The blocks of the cookbook and of the tutorials, run one after the other as they stand there, but for the address."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Stack

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    "docs/cookbook.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "tutorials").glob("*.md")),
]
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(shutil.which("curl") is None, reason="NOT TESTED: there is no curl here (apt-get install curl)"),
]


def script(text: str) -> str:
    """All blocks of a page as one, which ends with the first fault."""
    blocks = (
        block if kind == "bash" else f"{sys.executable} - <<'END_OF_PYTHON'\n{block}END_OF_PYTHON\n"
        for kind, block in BLOCK.findall(text)
    )
    return "set -euo pipefail\n" + "".join(blocks)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_work(page: str, shared_stack: Stack, tmp_path: Path) -> None:
    text = (ROOT / page).read_text().replace("http://127.0.0.1:8000", shared_stack.url)
    assert BLOCK.search(text), "a page without a block teaches nothing that can be tried"
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    (tmp_path / "program").write_text(script(text))
    own = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    found = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-x", str(tmp_path / "program")],
        cwd=tmp_path,
        env={**own, "DIGITMILL_URL": shared_stack.url, "PATH": found, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_every_person_has_a_tutorial() -> None:
    assert {Path(page).stem for page in PAGES} == {"cookbook", "clerk", "integrator", "administrator", "model-owner"}
