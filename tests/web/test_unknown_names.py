"""Calls that name a model or a template that is not there: each answers as the table of docs/integrator.md says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Client, Mill, assert_problem, form
from tests.web.fakes import one

NAMES = ["nowhere/1", "digits/99", "DIGITS/1", "digits/%00", "d%C3%ADgits/1"]
OF_MODELS = [("GET", ""), ("GET", "/pictures/coverage.png"), ("PUT", "/retired"), ("DELETE", "/retired")]
OF_TEMPLATES = [("GET", ""), ("GET", "/reference"), ("POST", "/try")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("method", "below"), OF_MODELS)
def test_a_call_about_a_model_that_is_not_there_is_not_found(
    client: Client, name: str, method: str, below: str
) -> None:
    problem = assert_problem(client.open(f"/v1/models/{name}{below}", method=method), 404, "model_not_found")
    assert "digits@1" in problem["detail"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("method", "below"), OF_TEMPLATES)
def test_a_call_about_a_template_that_is_not_there_is_not_found(
    client: Client, name: str, method: str, below: str
) -> None:
    sent: dict[str, Any] = {"data": one(), "content_type": "image/png"} if method == "POST" else {}
    assert_problem(client.open(f"/v1/templates/{name}{below}", method=method, **sent), 404, "template_not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("default", {"model": "nowhere@1"}),
        ("canary", {"model": "nowhere@1", "share": 0.5}),
        ("shadow", {"model": "nowhere@1", "share": 0.5}),
    ],
)
def test_a_release_of_a_model_that_is_not_there_is_not_found(client: Client, path: str, body: dict[str, Any]) -> None:
    assert_problem(client.put(f"/v1/models/{path}", json=body), 404, "model_not_found")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"model": "nowhere@1"}, "model"),
        ({"model": "nowhere"}, "model"),
        ({"model": "digits@99"}, "model"),
        ({"model": "no where"}, "model"),
        ({"read": "number", "model": "nowhere@1"}, "model"),
        ({"read": "form", "template": "nowhere"}, "template"),
        ({"read": "form", "template": "nowhere@1"}, "template"),
        ({"read": "form", "template": ["nowhere@1"]}, "template"),
    ],
)
def test_a_submission_that_names_what_is_not_there_has_bad_options_and_says_which(
    client: Client, mill: Mill, options: dict[str, Any], field: str
) -> None:
    problem = assert_problem(client.post("/v1/jobs", data=form([("a.png", one())], options)), 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == [field]
    assert "There is no" in problem["detail"]
    assert client.get("/v1/jobs").json["jobs"] == []
    assert mill.service.store.upkeep.load("local").open_jobs == 0
