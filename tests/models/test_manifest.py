from __future__ import annotations

import json
from typing import Any

import pytest

from digitmill.domain.jobs import ModelReference
from digitmill.errors import ModelRejected
from digitmill.forms.certainty import FIRST, SECOND, Looks
from digitmill.models.manifest import Manifest
from digitmill.settings import EngineName, PrecisionName
from tests.models.published import manifest_of

GOOD = manifest_of(b"weights")

AGREEMENT = {"engine": "openvino", "precision": "bf16", "images": 9, "same_labels": 9, "largest_difference": 0.005}


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(GOOD.to_json()) | fields)


def test_a_manifest_survives_writing_and_reading() -> None:
    assert Manifest.parse(GOOD.to_json(), "a test") == GOOD


def test_the_reference_names_exactly_these_weights() -> None:
    assert GOOD.reference == ModelReference("digits", "7", GOOD.sha256)
    assert GOOD.label == "digits@7"


def test_a_model_without_a_conversion_has_one_file() -> None:
    assert GOOD.files == {"model.keras": GOOD.sha256}


@pytest.mark.parametrize(
    ("fields", "agrees"),
    [
        ({}, True),
        ({"same_labels": 8}, False),
        ({"largest_difference": 0.0051}, False),
        ({"precision": "f32"}, False),
        ({"engine": "keras"}, False),
    ],
    ids=str,
)
def test_an_engine_agrees_when_every_label_is_the_same_and_no_confidence_far_off(
    fields: dict[str, Any], agrees: bool
) -> None:
    manifest = Manifest.parse(changed(engines=[AGREEMENT | fields]), "a test")
    assert manifest.agrees(EngineName.OPENVINO, PrecisionName.BF16) is agrees


def test_an_engine_that_was_not_compared_does_not_agree() -> None:
    assert not GOOD.agrees(EngineName.OPENVINO, PrecisionName.F32)


def test_how_sure_fields_are_survives_writing_and_reading_and_has_a_weight_for_each_feature() -> None:
    looks = Looks(FIRST, SECOND)
    kept = GOOD.model_copy(update={"looks": looks})
    assert Manifest.parse(kept.to_json(), "a test").looks == looks
    short = {"first": {"offset": 0.5, "features": [1.0]}, "second": {"offset": 0.5, "features": [1.0]}}
    with pytest.raises(ModelRejected, match="looks"):
        Manifest.parse(changed(looks=short), "a test")


def test_times_are_written_as_rfc_3339() -> None:
    assert json.loads(GOOD.to_json())["created_at"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"surprise": 1},
        {"temperature": 0},
        {"temperature": "1.5"},
        {"review_below": 1.01},
        {"sha256": "abc"},
        {"name": "../digits"},
        {"name": "Digits"},
        {"version": ".."},
        {"version": "1/2"},
        {"version": "1\n"},
        {"created_at": "2026-01-02T03:04:05"},
        {"classes": ["0"]},
        {"normaliser": True},
        {"openvino": {"graph_sha256": "0" * 64}},
        {"engines": [AGREEMENT | {"engine": "onnx"}]},
        {"engines": [AGREEMENT | {"precision": "f16"}]},
        {"engines": [AGREEMENT | {"largest_difference": 1.5}]},
        {"metrics": {"validation": {}, "test": {}, "other": {}}},
    ],
    ids=str,
)
def test_a_manifest_with_a_wrong_field_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ModelRejected, match=next(iter(fields))):
        Manifest.parse(changed(**fields), "a test")


def test_a_manifest_without_a_field_is_refused() -> None:
    content = json.loads(GOOD.to_json())
    del content["normaliser"]
    with pytest.raises(ModelRejected, match="normaliser"):
        Manifest.parse(json.dumps(content), "a test")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", b"\xff\xfe"])
def test_what_is_not_a_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(ModelRejected, match=r"the repository/manifest\.json is not a valid manifest"):
        Manifest.parse(text, "the repository/manifest.json")


def test_a_manifest_of_the_release_before_is_read_as_it_would_be_written_now() -> None:
    old = json.loads(GOOD.to_json())
    for name in ("artifacts", "reads", "input", "alphabet"):
        del old[name]
    files = {"graph_sha256": "0" * 64, "weights_sha256": "1" * 64}
    read = Manifest.parse(json.dumps(old | {"openvino": files, "openvino_int8": None}), "a test")
    f32 = {"openvino/model.xml": "0" * 64, "openvino/model.bin": "1" * 64}
    assert read.artifacts == {EngineName.OPENVINO: {PrecisionName.F32: f32}}
    assert read.files == {"model.keras": GOOD.sha256, **f32}
    assert (read.reads, read.input, read.alphabet) == ("digit", (28, 28), "0123456789")
    assert read.reference == GOOD.reference
    assert Manifest.parse(read.to_json(), "a test") == read
    without = Manifest.parse(json.dumps(old | {"openvino": None, "openvino_int8": None}), "a test")
    assert without == GOOD


def test_the_classes_of_a_model_begin_with_its_alphabet() -> None:
    letters = changed(alphabet="AB", reads="letter", classes=["A", "B", "blank"])
    assert Manifest.parse(letters, "a test").classes == ("A", "B", "blank")
    with pytest.raises(ModelRejected, match=r"classes: .*begin with A B"):
        Manifest.parse(changed(alphabet="AB", classes=list("0123456789")), "a test")


@pytest.mark.parametrize("path", ["../model.xml", "/model.xml", "openvino/../model.xml", "a/b/c.xml", ""])
def test_a_file_of_a_model_lies_beside_its_manifest(path: str) -> None:
    with pytest.raises(ModelRejected, match="artifacts"):
        Manifest.parse(changed(artifacts={"openvino": {"f32": {path: "0" * 64}}}), "a test")
