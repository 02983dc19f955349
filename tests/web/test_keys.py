"""Scopes, owners, expiry and rotation, seen from outside, and the audit lines that they leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from digitmill.domain.access import ApiKey, Scope
from digitmill.errors import SettingsError
from digitmill.keys import CACHE_SECONDS, Keys
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.connection import connect
from digitmill.store.key_store import KeyStore
from tests.built_in import PLACE
from tests.in_process import empty_redis, in_process
from tests.web.conftest import Answer, Client, Mill, assert_problem, client_of, form, serving
from tests.web.fakes import one
from tests.web.test_sign_in import sign_in
from web.app import create_app

Audit = Callable[[], Sequence[MutableMapping[str, Any]]]

CALLS = [
    ("GET", "/v1/jobs", Scope.READ),
    ("GET", "/v1/jobs/JOB", Scope.READ),
    ("GET", "/v1/jobs/JOB/results", Scope.READ),
    ("GET", "/v1/jobs/JOB/results.csv", Scope.READ),
    ("GET", "/v1/jobs/JOB/next", Scope.READ),
    ("GET", "/v1/jobs/JOB/results/0", Scope.READ),
    ("GET", "/v1/jobs/JOB/results/0/image", Scope.READ),
    ("GET", "/v1/jobs/JOB/results/0/name", Scope.READ),
    ("GET", "/v1/jobs/JOB/results/0/history", Scope.READ),
    ("GET", "/v1/jobs/JOB/sample", Scope.READ),
    ("GET", "/v1/jobs/JOB/labelled.zip", Scope.READ),
    ("GET", "/v1/jobs/JOB/deliveries", Scope.READ),
    ("GET", "/v1/jobs/JOB/events", Scope.READ),
    ("GET", "/v1/webhooks", Scope.READ),
    ("GET", "/v1/deliveries", Scope.READ),
    ("GET", "/v1/models", Scope.READ),
    ("GET", f"/v1/models/{PLACE}", Scope.READ),
    ("GET", f"/v1/models/{PLACE}/pictures/coverage.png", Scope.READ),
    ("GET", "/v1/limits", Scope.READ),
    ("GET", "/metrics", Scope.ADMIN),
    ("POST", "/v1/jobs", Scope.SUBMIT),
    ("POST", "/v1/jobs/JOB/cancel", Scope.SUBMIT),
    ("POST", "/v1/jobs/JOB/retry", Scope.SUBMIT),
    ("DELETE", "/v1/jobs/JOB", Scope.SUBMIT),
    ("DELETE", "/v1/jobs?state=completed", Scope.SUBMIT),
    ("PATCH", "/v1/jobs/JOB/results/0", Scope.REVIEW),
    ("PATCH", "/v1/jobs/JOB/results", Scope.REVIEW),
    ("POST", "/v1/jobs/JOB/review", Scope.REVIEW),
    ("DELETE", "/v1/jobs/JOB/review?reviewer=desk", Scope.REVIEW),
    ("GET", "/v1/jobs/JOB/certificate", Scope.READ),
    ("GET", "/v1/jobs/JOB/review", Scope.READ),
    ("GET", "/v1/templates", Scope.READ),
    ("PATCH", "/v1/jobs/JOB", Scope.SUBMIT),
    ("PUT", "/v1/jobs/JOB/check", Scope.REVIEW),
]
REDELIVER = "/v1/jobs/{job_id}/deliveries/{delivery_id}/redeliver"
OTHERS = [
    ("GET", "/v1/webhooks/{webhook_id}", Scope.READ),
    ("POST", "/v1/webhooks", Scope.SUBMIT),
    ("PATCH", "/v1/webhooks/{webhook_id}", Scope.SUBMIT),
    ("DELETE", "/v1/webhooks/{webhook_id}", Scope.SUBMIT),
    ("POST", "/v1/webhooks/{webhook_id}/secret", Scope.SUBMIT),
    ("POST", "/v1/webhooks/{webhook_id}/test", Scope.SUBMIT),
    ("GET", "/v1/jobs/{job_id}/marked.pdf", Scope.READ),
    ("PATCH", "/v1/jobs/{job_id}/review", Scope.REVIEW),
    ("POST", "/v1/jobs/{job_id}/resume", Scope.SUBMIT),
    ("POST", "/v1/templates", Scope.ADMIN),
    ("POST", "/v1/models", Scope.ADMIN),
    ("GET", "/v1/models/releases", Scope.READ),
    ("PUT", "/v1/models/default", Scope.ADMIN),
    ("POST", "/v1/models/rollback", Scope.ADMIN),
    ("PUT", "/v1/models/canary", Scope.ADMIN),
    ("DELETE", "/v1/models/canary", Scope.ADMIN),
    ("PUT", "/v1/models/shadow", Scope.ADMIN),
    ("DELETE", "/v1/models/shadow", Scope.ADMIN),
    ("PUT", "/v1/models/{name}/{version}/retired", Scope.ADMIN),
    ("DELETE", "/v1/models/{name}/{version}/retired", Scope.ADMIN),
    ("GET", "/v1/networks", Scope.READ),
    ("POST", "/v1/networks/outline", Scope.READ),
    ("GET", "/v1/trainings", Scope.READ),
    ("POST", "/v1/trainings", Scope.SUBMIT),
    ("GET", "/v1/trainings/{job_id}", Scope.READ),
    ("GET", "/v1/trainings/{job_id}/model.keras", Scope.READ),
    ("POST", "/v1/trainings/{job_id}/cancel", Scope.SUBMIT),
    ("POST", "/v1/templates/draft", Scope.SUBMIT),
    ("POST", "/v1/templates/picture", Scope.SUBMIT),
    ("POST", "/v1/templates/check", Scope.SUBMIT),
    ("POST", "/v1/templates/try", Scope.SUBMIT),
    ("POST", "/v1/templates/{name}/{version}/try", Scope.SUBMIT),
    ("PUT", "/v1/jobs/{job_id}/results/{index}/corners", Scope.REVIEW),
    ("GET", "/v1/templates/{name}/{version}", Scope.READ),
    ("GET", "/v1/templates/{name}/{version}/reference", Scope.READ),
    ("GET", "/v1/jobs/{job_id}/results/{index}/fields/{field}/image", Scope.READ),
]
"""Calls that need more than a finished job of digits; they ask for the scope before they look at anything."""
BODIES: dict[str, Any] = {
    "/results/0": {"prediction": "7"},
    "/results": {"corrections": [{"index": 0, "revision": 0, "prediction": "7"}]},
    "/review": {"reviewer": "desk"},
    "/jobs/JOB": {"expires_in": 600},
    "/check": {"seen": 1, "wrong": 0},
}
"""Of calls that send JSON, by the end of their address."""
JOB_SLASHES = 3


@dataclass
class Desk:
    """A web process, and the command that makes its keys."""

    client: Client
    keys: Keys
    mill: Mill
    pass_time: Callable[[float], None]

    def make(self, *scopes: Scope, **parts: Any) -> tuple[ApiKey, str]:
        return self.keys.create("scanner", scopes, **{"lifetime": None, **parts})

    def ask(self, method: str, path: str, key: str, **headers: str) -> Answer:
        body = (
            form([("secret-name.png", one()), ("secret-name.txt", b"text")])
            if (method, path) == ("POST", "/v1/jobs")
            else None
        )
        named = {"Authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        # the call of a job itself ends with its id
        ending = "/jobs/JOB" if method == "PATCH" and path.count("/") == JOB_SLASHES else path
        endings = [known for known in BODIES if method in ("PATCH", "POST", "PUT") and ending.endswith(known)]
        if endings:
            return self.client.open(path, method=method, headers=named, json=BODIES[endings[0]])
        return self.client.open(path, method=method, headers=named, data=body)


@pytest.fixture
def desk(mill: Mill) -> Desk:
    now = [1_800_000_000.0]

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    store = KeyStore(empty_redis())
    web, command = (Keys(mill.service.settings, store, lambda: now[0]) for _ in range(2))
    return Desk(client_of(replace(mill.service, keys=web)), command, mill, pass_time)


@pytest.fixture
def audit() -> Iterator[Audit]:
    """Gives the audit lines so far, with what is bound to the request."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lambda: [line for line in lines if line["event"] == "audit"]


def finished_job(desk: Desk, key: str) -> str:
    job_id: str = desk.ask("POST", "/v1/jobs", key).json["id"]
    desk.mill.turn()
    return job_id


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_a_call_asks_for_its_scope_and_no_other(desk: Desk, method: str, path: str, scope: Scope) -> None:
    _, everything = desk.make(Scope.ADMIN, owner="office")
    _, enough = desk.make(scope, owner="office")
    _, too_little = desk.make(*(set(Scope) - {scope, Scope.ADMIN}), owner="office")
    refused = desk.ask(method, path.replace("JOB", finished_job(desk, everything)), too_little)
    assert f"`{scope}`" in assert_problem(refused, 403, "forbidden")["detail"]
    for key in (enough, everything):
        answer = desk.ask(method, path.replace("JOB", finished_job(desk, everything)), key)
        assert answer.status_code in (200, 202, 204), answer.text


def test_every_call_of_the_api_names_its_scope(desk: Desk) -> None:
    named = {(method, path.partition("?")[0].replace("JOB", "{job_id}")) for method, path, _ in CALLS}
    places = {"/0": "/{index}", PLACE: "{name}/{version}", "coverage.png": "{picture}"}
    for example, place in places.items():
        named = {(method, path.replace(example, place)) for method, path in named}
    described = desk.client.get("/openapi.json").json["paths"]
    asking = {
        (method.upper(), path)
        for path, operations in described.items()
        for method, operation in operations.items()
        if "403" in operation["responses"]
    }
    assert asking == named | {("POST", REDELIVER)} | {(method, path) for method, path, _ in OTHERS}


@pytest.mark.parametrize(("method", "path", "scope"), OTHERS)
def test_a_call_asks_for_its_scope_before_it_looks(desk: Desk, method: str, path: str, scope: Scope) -> None:
    _, too_little = desk.make(*(set(Scope) - {scope, Scope.ADMIN}))
    refused = desk.ask(method, path.replace("{index}", "0"), too_little)
    assert f"`{scope}`" in assert_problem(refused, 403, "forbidden")["detail"]


def test_sending_a_webhook_again_asks_for_the_scope_to_submit(desk: Desk) -> None:
    _, everything = desk.make(Scope.ADMIN, owner="office")
    path = REDELIVER.format(job_id=finished_job(desk, everything), delivery_id="msg_none")
    _, reader = desk.make(Scope.READ, Scope.REVIEW, owner="office")
    _, submitter = desk.make(Scope.SUBMIT, owner="office")
    assert "`submit`" in assert_problem(desk.ask("POST", path, reader), 403, "forbidden")["detail"]
    assert_problem(desk.ask("POST", path, submitter), 404, "not_found")


def test_what_is_not_there_is_not_found_whatever_the_scope(desk: Desk) -> None:
    _, key = desk.make(Scope.REVIEW)
    assert_problem(desk.ask("GET", "/v1/nothing", key), 404, "not_found")
    assert_problem(desk.ask("PUT", "/v1/jobs", key), 405, "method_not_allowed")


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in CALLS if "JOB" in path])
def test_another_owners_job_is_not_found_by_any_call(desk: Desk, method: str, path: str) -> None:
    _, mine = desk.make(Scope.ADMIN)
    _, strange = desk.make(Scope.ADMIN)
    job_id = finished_job(desk, mine)
    before = desk.ask("GET", f"/v1/jobs/{job_id}", mine).json
    assert_problem(desk.ask(method, path.replace("JOB", job_id), strange), 404, "not_found")
    assert desk.ask("GET", f"/v1/jobs/{job_id}", mine).json == before


@pytest.mark.parametrize("page", ["", "/review", "/review/pages", "/review/groups", "/check", "/certificate"])
def test_another_owners_job_is_not_found_by_any_page(desk: Desk, page: str) -> None:
    _, mine = desk.make(Scope.ADMIN)
    _, strange = desk.make(Scope.ADMIN)
    path = f"/jobs/{finished_job(desk, mine)}{page}"
    for key, status in ((mine, 200), (strange, 404)):
        sign_in(desk.client, key)
        assert desk.client.get(path, follow_redirects=True).status_code == status


def test_an_owners_jobs_are_listed_to_nobody_else_and_found_by_each_of_its_keys(desk: Desk) -> None:
    key, mine = desk.make(Scope.SUBMIT, Scope.READ)
    _, strange = desk.make(Scope.ADMIN)
    _, sibling = desk.make(Scope.READ, owner=key.owner)
    job_id = finished_job(desk, mine)
    assert desk.ask("GET", "/v1/jobs", strange).json["jobs"] == []
    assert desk.ask("DELETE", "/v1/jobs?state=completed", strange).json["deleted"] == []
    assert desk.ask("GET", f"/v1/jobs/{job_id}", sibling).json["state"] == "completed"


def test_a_key_that_may_not_read_is_not_shown_rows_for_waiting(desk: Desk) -> None:
    _, blind = desk.make(Scope.SUBMIT)
    answer = desk.ask("POST", "/v1/jobs", blind, Prefer="wait=30")
    assert answer.status_code == 202
    assert "results" not in answer.json
    assert "Preference-Applied" not in answer.headers


def test_a_rotated_key_keeps_its_jobs_and_its_old_secret_dies_after_the_overlap(desk: Desk) -> None:
    key, old = desk.make(Scope.SUBMIT, Scope.READ)
    here = f"/v1/jobs/{finished_job(desk, old)}"
    _, new = desk.keys.rotate(key.id, overlap=60)
    assert desk.ask("GET", here, old).status_code == desk.ask("GET", here, new).status_code == 200
    desk.pass_time(60)
    assert_problem(desk.ask("GET", here, old), 401, "unauthorized")
    assert desk.ask("GET", here, new).status_code == 200


def test_pages_say_who_sent_a_job_and_name_no_key_of_others(desk: Desk) -> None:
    key, scanner = desk.make(Scope.SUBMIT, Scope.READ)
    _, reader = desk.keys.create("desk 2", [Scope.READ], lifetime=None, owner=key.owner)
    desk.keys.create("somebody else", [Scope.READ], lifetime=None)
    here = finished_job(desk, scanner)
    desk.client.post("/sign-in", data={"key": reader})
    for page in ("/jobs", f"/jobs/{here}"):
        text = desk.client.get(page).text
        assert "scanner" in text.partition('id="texts"')[0]
        assert "somebody else" not in text


def test_expired_and_revoked_keys_are_unauthorized(desk: Desk) -> None:
    _, brief = desk.make(Scope.READ, lifetime=30.0)
    key, good = desk.make(Scope.READ)
    assert {desk.ask("GET", "/v1/jobs", text).status_code for text in (brief, good)} == {200}
    desk.keys.revoke(key.id)
    desk.pass_time(CACHE_SECONDS)
    assert "revoked" in assert_problem(desk.ask("GET", "/v1/jobs", good), 401, "unauthorized")["detail"]
    desk.pass_time(30)
    assert "expired" in assert_problem(desk.ask("GET", "/v1/jobs", brief), 401, "unauthorized")["detail"]


def test_the_first_key_closes_a_service_that_was_open(desk: Desk) -> None:
    assert desk.client.get("/v1/jobs").status_code == 200
    _, key = desk.make(Scope.READ)
    desk.pass_time(CACHE_SECONDS)
    assert_problem(desk.client.get("/v1/jobs"), 401, "unauthorized")
    assert_problem(desk.client.get("/metrics"), 401, "unauthorized")
    assert desk.ask("GET", "/v1/jobs", key).status_code == 200
    assert desk.client.get("/healthz").status_code == 200


def test_a_server_that_others_can_reach_starts_once_there_is_a_key(tmp_path: Path) -> None:
    settings, client = Settings(var=tmp_path, host="0.0.0.0"), empty_redis()
    with pytest.raises(SettingsError, match="digitmill keys create"):
        create_app(in_process(settings, client).service)
    Keys(settings, KeyStore(client)).create("first", [Scope.READ], lifetime=None)
    assert create_app(in_process(settings, client).service)


@pytest.mark.parametrize("mill", [{"admin_key": SecretStr("correct-horse")}], indirect=True)
def test_what_changes_something_leaves_an_audit_line(desk: Desk, audit: Audit) -> None:
    key, text = desk.make(Scope.SUBMIT)
    job_id = desk.ask("POST", "/v1/jobs", text, X_Request_Id="r-1", Idempotency_Key="k").json["id"]
    assert desk.ask("POST", "/v1/jobs", text, X_Request_Id="r-2", Idempotency_Key="k").json["id"] == job_id
    desk.ask("POST", f"/v1/jobs/{job_id}/cancel", text, X_Request_Id="r-3")
    desk.ask("DELETE", f"/v1/jobs/{job_id}", text, X_Request_Id="r-4")
    desk.ask("DELETE", f"/v1/jobs/{job_id}", text, X_Request_Id="r-5")
    desk.ask("POST", "/v1/jobs", "correct-horse", X_Request_Id="r-6")
    found = [(line["action"], line["key"], line["key_name"], line["client"], line["request"]) for line in audit()]
    assert found == [
        ("submit", key.id, "scanner", "127.0.0.1", "r-1"),
        ("cancel", key.id, "scanner", "127.0.0.1", "r-3"),
        ("delete", key.id, "scanner", "127.0.0.1", "r-4"),
        ("submit", "admin", "DIGITMILL_ADMIN_KEY", "127.0.0.1", "r-6"),
    ]
    assert {line["job"] for line in audit()[:3]} == {job_id}


def test_corrections_leave_an_audit_line_without_what_was_said(desk: Desk, audit: Audit) -> None:
    key, text = desk.make(Scope.SUBMIT, Scope.REVIEW)
    here = f"/v1/jobs/{finished_job(desk, text)}/results"
    assert desk.ask("PATCH", f"{here}/0", text, X_Request_Id="r-1").status_code == 200
    changes = [
        {"index": index, "revision": revision, "prediction": "4"} for index, revision in ((0, 0), (0, 1), (1, 0))
    ]
    headers = {"Authorization": f"Bearer {text}"}
    assert desk.client.open(here, method="PATCH", headers=headers, json={"corrections": changes}).status_code == 200
    stale = {"corrections": [{"index": 0, "revision": 0, "prediction": "5"}]}
    assert desk.client.open(here, method="PATCH", headers=headers, json=stale).status_code == 200
    lines = [line for line in audit() if line["action"] == "correct"]
    assert [(line["key"], line["client"], line["job"], line["rows"]) for line in lines] == [
        (key.id, "127.0.0.1", here.split("/")[3], "1"),
        (key.id, "127.0.0.1", here.split("/")[3], "2"),
    ]
    assert set(lines[1]) - {"request"} == {"event", "log_level", "action", "key", "key_name", "client", "job", "rows"}


def test_what_is_refused_leaves_an_audit_line(desk: Desk, audit: Audit) -> None:
    key, text = desk.make(Scope.READ)
    wrong = f"{text[:-48]}{'0' * 48}"
    for sent in ("", "guess-of-a-stranger", wrong):
        assert desk.ask("GET", "/v1/jobs", sent).status_code == 401
    assert desk.ask("POST", "/v1/jobs", text, X_Request_Id="r-9").status_code == 403
    found = [(line["action"], line["key"], line["key_name"], line["client"]) for line in audit()]
    stranger = ("refused", None, None, "127.0.0.1")
    assert found == [stranger, stranger, *[("refused", key.id, "scanner", "127.0.0.1")] * 2]
    last = audit()[-1]
    assert (last["request"], "submit" in last["reason"]) == ("r-9", True)


def test_no_log_line_holds_a_secret_or_the_name_of_a_file(desk: Desk) -> None:
    key, text = desk.make(Scope.ADMIN)
    with capture_logs() as lines:
        job_id = finished_job(desk, text)
        desk.ask("DELETE", f"/v1/jobs/{job_id}", text)
        desk.ask("GET", "/v1/jobs", f"{text[:-1]}x")
        desk.keys.revoke(key.id)
        desk.pass_time(CACHE_SECONDS)
        desk.ask("GET", "/v1/jobs", text)
    logged = json.dumps(lines, default=str)
    assert '"audit"' in logged
    assert text[-48:-1] not in logged
    assert "secret-name" not in logged


@pytest.mark.service
def test_a_web_process_writes_audit_lines_at_any_level(tmp_path: Path) -> None:
    with serving(tmp_path, admin_key="correct-horse", log_level="error", log_format="json") as server:
        answer = httpx.get(f"{server.url}/v1/jobs", headers={"X-Request-Id": "r-1"})
        assert answer.status_code == 401
        (line,) = [json.loads(line) for line in server.log.read_text().splitlines() if '"audit"' in line]
    assert (line["action"], line["request"], line["client"]) == ("refused", "r-1", "127.0.0.1")


def test_keys_live_in_the_services_own_redis(tmp_path: Path, empty_redis_url: str) -> None:
    settings = Settings(var=tmp_path, redis_url=empty_redis_url)
    client = client_of(Service.open(settings))
    _, text = Keys(settings, KeyStore(connect(empty_redis_url))).create("a", [Scope.READ], lifetime=None)
    assert_problem(client.get("/v1/jobs"), 401, "unauthorized")
    assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {text}"}).status_code == 200
