"""``digitmill models``: which calls it makes, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from digitmill.cli import main
from tests.client.scripted import Answer, ScriptedService, problem

RELEASES = {"defaults": {"digit": "mine@1"}, "canaries": {}, "shadows": {}, "retired": [], "history": []}


@pytest.mark.parametrize(
    ("words", "method", "path", "body"),
    [
        (["default", "mine@1"], "PUT", "/v1/models/default", {"model": "mine@1"}),
        (["rollback"], "POST", "/v1/models/rollback", {"reads": "digit"}),
        (["canary", "mine@1", "--share", "0.25"], "PUT", "/v1/models/canary", {"model": "mine@1", "share": 0.25}),
        (["shadow", "mine@1"], "PUT", "/v1/models/shadow", {"model": "mine@1", "share": 0.1}),
        (["canary", "--end"], "DELETE", "/v1/models/canary", None),
        (["shadow", "--end"], "DELETE", "/v1/models/shadow", None),
        (["retire", "mine@1"], "PUT", "/v1/models/mine/1/retired", None),
        (["bring-back", "mine@1"], "DELETE", "/v1/models/mine/1/retired", None),
        (["releases"], "GET", "/v1/models/releases", None),
    ],
)
def test_each_verb_makes_its_call(
    service: ScriptedService, words: list[str], method: str, path: str, body: Any
) -> None:
    service.on(method, path, Answer(RELEASES))
    assert main(["models", *words]) == 0
    (request,) = service.asked
    assert (request.method, request.path.partition("?")[0]) == (method, path)
    assert (json.loads(request.body) if request.body else None) == body


@pytest.mark.parametrize("words", [["canary"], ["shadow", "mine@1", "--end"], ["retire", "mine"], ["default"]])
def test_what_is_not_complete_is_refused(service: ScriptedService, words: list[str]) -> None:
    assert main(["models", *words]) == 1
    assert service.asked == []


def test_why_nothing_can_be_rolled_back_is_said(service: ScriptedService, capfd: pytest.CaptureFixture[str]) -> None:
    service.on("POST", "/v1/models/rollback", problem(409, "nothing_before", "No other model is known."))
    assert main(["models", "rollback"]) == 1
    assert "No other model is known." in capfd.readouterr().err


def test_a_licence_must_be_told_with_the_data(service: ScriptedService, tmp_path: Path) -> None:
    file = tmp_path / "mine.keras"
    file.write_bytes(b"PK")
    assert main(["models", "publish", str(file), "mine@1", "--data", "ours"]) == 1
    assert main(["models", "publish", str(file), "mine"]) == 1
    assert service.asked == []
