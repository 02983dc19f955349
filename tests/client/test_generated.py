"""A client that openapi-python-client makes of the service's OpenAPI document does a whole job."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.house.sources import ROOT
from tests.pictures import drawn_digit, png
from tests.web.conftest import Server, serving, wait_until

KEY = "correct-horse"
INSTALLED = ROOT / ".tools-clients" / "bin"
PACKAGE = "made_by_a_generator"


@pytest.fixture(scope="module")
def resting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service whose worker rests until it is told to turn."""
    with serving(tmp_path_factory.mktemp("resting"), chunk_images=2, admin_key=KEY) as server:
        yield server


@pytest.fixture(scope="module")
def made(resting: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("made")
    generator = shutil.which("openapi-python-client", path=f"{INSTALLED}{os.pathsep}{os.environ['PATH']}")
    if generator is None:
        pytest.skip("There is no openapi-python-client, so NO GENERATED CLIENT IS TESTED; run `make generated-client`.")
    document = httpx.get(f"{resting.url}/openapi.json").json()
    (folder / "openapi.json").write_text(json.dumps(document))
    (configuration,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "integrator.md").read_text(), re.M | re.S)
    (folder / "client.yaml").write_text(f"{configuration}post_hooks: []\n")
    command = [generator, "generate", "--path", "openapi.json", "--config", "client.yaml"]
    done = subprocess.run(
        [*command, "--output-path", PACKAGE, "--meta", "none"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # a call that is left out, or an answer, is one that nobody could use
    assert "Cannot parse" not in done.stdout, done.stdout
    assert "ERROR" not in done.stdout, done.stdout
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))


def call(made: str, name: str) -> Any:
    """The function of a call, by its group and name, that answers what was parsed."""
    return importlib.import_module(f"{made}.api.{name}").sync


def files(made: str, *contents: bytes) -> Any:
    kinds = importlib.import_module(f"{made}.types")
    body = importlib.import_module(f"{made}.models").SubmitJobFilesBody
    sent = [kinds.File(io.BytesIO(content), f"{index}.png", "image/png") for index, content in enumerate(contents)]
    options = importlib.import_module(f"{made}.models").Options.from_dict({"review_below": 0.5})
    return body(files=sent, options=options)


@pytest.fixture
def client(made: str, resting: Server) -> Iterator[Any]:
    package = importlib.import_module(f"{made}.client")
    with package.AuthenticatedClient(base_url=resting.url, token=KEY, raise_on_unexpected_status=True) as opened:
        yield opened


def test_a_generated_client_does_a_whole_job(made: str, client: Any, resting: Server) -> None:
    body = files(made, png(drawn_digit(1)), b"no image")
    stopped = call(made, "jobs.submit_job")(client=client, body=body)
    assert call(made, "jobs.cancel_job")(stopped.id, client=client).state.value == "cancelled"

    body = files(made, *[png(drawn_digit(1))] * 3, b"no image")
    job = call(made, "jobs.submit_job")(client=client, body=body, idempotency_key="once", prefer="wait=1")
    assert (job.state.value, job.options.review_below) == ("queued", 0.5)
    resting.turn()
    wait_until(lambda: call(made, "jobs.get_job")(job.id, client=client).state.value == "completed")

    rows, cursor = [], dict[str, str]()
    while True:
        page = call(made, "results.list_results")(job.id, client=client, limit=2, **cursor)
        rows += page.results
        if page.next_cursor is None:
            break
        cursor = {"cursor": page.next_cursor}
    read = [(f"{index}.png", "recognized") for index in range(3)]
    assert [(row.name, row.status.value) for row in rows] == [*read, ("3.png", "failed")]
    assert rows[3].error.code == "not_an_image"

    correct = call(made, "review.correct_result")
    corrected = correct(job.id, 1, client=client, body={"prediction": "4"}, if_match='"0"')
    assert (corrected.correction.prediction, corrected.revision) == ("4", 1)
    assert correct(job.id, 1, client=client, body={"prediction": "5"}).code == "row_changed"

    final = importlib.import_module(f"{made}.models").DownloadCsvFinal.TRUE
    table = call(made, "results.download_csv")(job.id, client=client, final=final)
    assert [line.split(",")[3] for line in table.splitlines()] == ["prediction", "1", "4", "1", ""]
    assert bytes_of(call(made, "review.get_labelled")(job.id, client=client)).startswith(b"PK")
    assert bytes_of(call(made, "results.get_image")(job.id, 0, client=client)) == png(drawn_digit(1))
    assert call(made, "jobs.delete_job")(job.id, client=client) is None
    assert call(made, "jobs.get_job")(job.id, client=client).code == "not_found"


def bytes_of(answer: Any) -> bytes:
    content: bytes = answer if isinstance(answer, bytes) else answer.payload.read()
    return content
