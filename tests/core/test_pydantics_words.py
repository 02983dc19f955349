"""Nobody is told anything in pydantic's own words: neither who sets, nor who types, nor who sends."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from digitmill.cli import main
from digitmill.errors import ModelRejected, SettingsError
from digitmill.faults import faults_of, in_words
from digitmill.models.manifest import Manifest
from digitmill.settings import Settings
from tests.house.sources import PACKAGES, ROOT


@pytest.mark.parametrize("kind", [int, float, bool, list, dict, tuple, str, bytes, Path, datetime, Decimal, UUID])
@pytest.mark.parametrize(
    "sent",
    ["much", "9" * 5000, 1.5, None, object(), [object()], float("nan")],
    ids=["text", "long", "1.5", "None", "object", "list", "nan"],
)
def test_whatever_is_wrong_is_said_without_them(kind: Any, sent: object) -> None:
    try:
        TypeAdapter(kind).validate_python(sent)
    except ValidationError as error:
        for fault in faults_of(error):
            assert not re.search(r"Value error|(Input|String|List|Decimal|UUID|Data|Value) should", in_words(fault))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CHUNK_IMAGES", "many", "DIGITMILL_CHUNK_IMAGES must be a whole number."),
        ("PORT", "99999999", "DIGITMILL_PORT must be less than or equal to 65535."),
        ("HOST", "", "DIGITMILL_HOST is empty; remove the line to take the default."),
        ("MAX_REDIS_MEMORY_SHARE", "much", "DIGITMILL_MAX_REDIS_MEMORY_SHARE must be a number."),
        ("WEBHOOK_PRIVATE_ADDRESSES", "maybe", "DIGITMILL_WEBHOOK_PRIVATE_ADDRESSES must be true or false."),
        ("ENGINE", "foo", "DIGITMILL_ENGINE must be 'auto', 'keras' or 'openvino'."),
        ("LOG_LEVEL", "loud", "DIGITMILL_LOG_LEVEL must be debug, info, warning or error."),
        ("LOG_FORMAT", "xml", "DIGITMILL_LOG_FORMAT must be text or json."),
        ("TRACES_URL", "ftp://x", "DIGITMILL_TRACES_URL must begin with http:// or https://."),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_by_its_name(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load({f"DIGITMILL_{name}": value}, env_file=None)
    assert refused.value.detail == said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["results", "X", "--format", "xlsx"], "'--format': 'xlsx' is not one of 'csv', 'ndjson', 'table'."),
        (["jobs", "--limit", "few"], "'--limit': must be a whole number"),
        (["submit", "X", "--review-below", "low"], "'--review-below': must be a number"),
    ],
)
def test_what_is_typed_wrongly_is_told_without_them(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) != 0
    assert capsys.readouterr().err.strip() == f"Invalid value for {said}"


def test_a_manifest_that_cannot_be_used_is_told_without_them() -> None:
    with pytest.raises(ModelRejected) as refused:
        Manifest.parse("{}", "a file")
    assert "is missing. Publish the model again." in refused.value.detail


def test_no_other_module_says_what_pydantic_says() -> None:
    own = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "faults.py"]
    sayers = [
        str(path.relative_to(ROOT)) for path in own if re.search(r"""\[["']msg["']\]|\.errors\(""", path.read_text())
    ]
    assert sayers == []
