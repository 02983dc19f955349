"""Every error is a problem, with the status that its class has and nothing of the inside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digitmill import errors
from digitmill.errors import DigitmillError, FailureCode, ItemFailure, StorageUnavailable
from tests.web.conftest import Client, Mill, assert_problem
from web.documents.documentation import FAILURES, MEANINGS
from web.errors import status_of

EXPECTED = {
    "upload_refused": 400, "empty_upload": 400, "bad_options": 400, "unsupported_media_type": 415,
    "upload_too_large": 413, "too_many_images": 413, "corrupt_archive": 422, "no_images": 422, "unauthorized": 401,
    "forbidden": 403, "too_many_jobs": 429, "quota_used": 429,
    "rate_limited": 429, "not_found": 404, "expired": 410, "conflict": 409, "idempotency_conflict": 409,
    "unavailable": 503, "overloaded": 503, "storage_unavailable": 503, "no_worker": 503, "item_failure": 422,
    "store_replaced": 503, "no_trainer": 503,
    "model_not_found": 404, "template_not_found": 404, "bad_template": 400,
    "model_in_use": 409, "nothing_before": 409, "row_changed": 412, "no_row_yet": 409, "job_not_final": 409,
    "nothing_failed": 409, "source_failed": 422, "source_unavailable": 503,
}  # fmt: skip
NEVER_ANSWERED = {
    "error",
    "conflict",
    "unavailable",
    "item_failure",
    "model_error",
    "bad_settings",
    "cannot_start",
    "backup_failed",
    "training_error",
    "form_error",
    "bad_template",
    "page_not_registered",
    "several_pages",
    "no_template",
}
"""Classes that only others are raised of, those that end a process instead of a request, and those of forms, which no
call can meet before there is a reader of forms."""


def kinds(kind: type[DigitmillError] = DigitmillError) -> Iterator[type[DigitmillError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def raised(kind: type[DigitmillError]) -> DigitmillError:
    if issubclass(kind, ItemFailure):
        return kind(FailureCode.NOT_AN_IMAGE, "It is no image.")
    return kind("What went wrong.")


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.__module__ == errors.__name__])
def test_every_error_of_the_core_becomes_a_problem(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch, kind: type[DigitmillError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised(kind)

    monkeypatch.setattr(mill.service.jobs, "get", fail)
    status = EXPECTED.get(kind.code, 500)
    assert status_of(kind) == status
    code = "not_an_image" if issubclass(kind, ItemFailure) else kind.code
    response = client.get("/v1/jobs/x")
    assert_problem(response, status, code)
    assert ("Retry-After" in response.headers) == (status in (429, 503))
    assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_every_code_that_can_come_is_explained() -> None:
    answered = {kind.code for kind in kinds() if kind.__module__ == errors.__name__} - NEVER_ANSWERED
    assert answered <= set(MEANINGS)
    assert set(FAILURES) == set(FailureCode)


def test_an_unexpected_error_shows_no_trace_but_an_id(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(mill.service.jobs, "get", fail)
    response = client.get("/v1/jobs/x")
    problem = assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text
    assert response.headers["X-Request-Id"] in problem["detail"]
    logged = capsys.readouterr().out
    assert "secret of the inside" in logged
    assert response.headers["X-Request-Id"] in logged


def test_an_unknown_address_and_a_wrong_method_are_problems(client: Client) -> None:
    assert_problem(client.get("/v2/jobs"), 404, "not_found")
    assert_problem(client.get("/static/../app.py"), 404, "not_found")
    response = client.put("/v1/jobs")
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS", "POST"}


def test_every_answer_has_an_id_and_takes_a_sound_one_from_the_client(client: Client) -> None:
    first, second = (client.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first != second
    assert client.get("/nope", headers={"X-Request-Id": "abc-1.2"}).headers["X-Request-Id"] == "abc-1.2"
    for unsound in ("a b", "x" * 129, "<script>"):
        assert client.get("/healthz", headers={"X-Request-Id": unsound}).headers["X-Request-Id"] != unsound


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/jobs/x", "/nope", "/healthz", "/", "/docs", "/openapi.json", "/metrics"]
)
def test_every_answer_carries_the_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith(("default-src 'none'", "default-src 'self'"))
    assert "Access-Control-Allow-Origin" not in headers
    assert "Set-Cookie" not in headers


def test_a_storage_that_fails_while_rows_are_read_is_told_as_such(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("The job store does not answer; try again in a moment.")

    monkeypatch.setattr(mill.store, "get", fail)
    response = client.get("/v1/jobs/x/results?format=csv")
    assert_problem(response, 503, "storage_unavailable")
    assert response.headers["Retry-After"] == "5"


def test_a_page_that_cannot_be_shown_for_the_moment_can_be_tried_again(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("The job store does not answer; try again in a moment.")

    monkeypatch.setattr(mill.store, "get", fail)
    response = client.get("/jobs/x/review?a=b", headers={"Accept": "text/html", "Accept-Language": "ru"})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "Сейчас недоступно" in response.text
    assert 'href="/jobs/x/review?a=b"' in response.text
