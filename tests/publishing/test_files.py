"""What is refused of a .keras file before Keras sees it."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.errors import ModelBroken, ModelRejected, ModelTooLarge, ModelUnsafe
from digitmill.publishing.files import CONFIG, METADATA, WEIGHTS, check_file
from tests.publishing.files import SOUND, members, with_config, with_layer, with_member, with_weights, zipped

MOST = 8 << 20


def refusal(content: bytes) -> type[ModelRejected]:
    with pytest.raises(ModelRejected) as refused:
        check_file(content, MOST)
    assert refused.value.detail.endswith(".")
    assert refused.value.code in {"model_broken", "model_unsafe", "model_too_large"}
    return type(refused.value)


def test_a_sound_file_passes_and_its_layers_are_told() -> None:
    layers = check_file(SOUND, MOST)
    assert layers[0] == "InputLayer"
    assert layers[-1] == "Dense"


def test_what_it_was_compiled_with_is_not_looked_at() -> None:
    def compile_with_own_loss(config: dict[str, Any]) -> None:
        config["compile_config"] = {"loss": {"module": "mine", "class_name": "Loss", "registered_name": "mine>Loss"}}

    assert check_file(with_config(compile_with_own_loss), MOST)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + bytes(100), SOUND[: len(SOUND) // 2], bytes(1000)]
)
def test_what_is_no_whole_zip_is_broken(content: bytes) -> None:
    assert refusal(content) is ModelBroken


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/tmp/x", "assets/x.txt", "C:\\x", "extra", "a/" * 200 + "x"])
def test_another_member_is_unsafe(name: str) -> None:
    assert refusal(with_member(name, b"x")) is ModelUnsafe


def test_a_missing_member_is_unsafe() -> None:
    parts = members()
    del parts[METADATA]
    assert refusal(zipped(parts)) is ModelUnsafe


def test_a_member_that_comes_twice_is_unsafe() -> None:
    out = io.BytesIO(SOUND)
    with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(CONFIG, b"{}")
    assert refusal(out.getvalue()) is ModelUnsafe


def test_an_unusual_compression_is_unsafe() -> None:
    assert refusal(zipped(members(), zipfile.ZIP_LZMA)) is ModelUnsafe


def test_a_member_that_unpacks_to_much_is_too_large() -> None:
    assert refusal(zipped(members() | {WEIGHTS: bytes(MOST + 1)}, zipfile.ZIP_DEFLATED)) is ModelTooLarge
    assert refusal(zipped(members() | {CONFIG: b" " * (2 << 20)}, zipfile.ZIP_DEFLATED)) is ModelTooLarge


@pytest.mark.parametrize("config", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"nonsense"])
def test_a_config_that_is_no_json_is_broken(config: bytes) -> None:
    assert refusal(with_member(CONFIG, config)) is ModelBroken


@pytest.mark.parametrize(
    "config", [b"null", b"[]", b"{}", b'{"class_name": "Lambda"}', b'{"class_name": ["Functional"]}']
)
def test_a_config_that_is_of_no_model_is_unsafe(config: bytes) -> None:
    assert refusal(with_member(CONFIG, config)) is ModelUnsafe


@pytest.mark.parametrize(
    "fields",
    [
        {"class_name": "Lambda"},
        {"class_name": "TFSMLayer"},
        {"class_name": "TorchModuleWrapper"},
        {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
        {"class_name": "function", "module": "builtins", "config": "eval"},
        {"class_name": 7},
        {"module": "os"},
        {"module": "keras.src.utils.file_utils"},
        {"module": "keras.saving"},
        {"module": ["keras.layers"]},
        {"registered_name": "mine>Dense"},
        {"registered_name": {"a": 1}},
    ],
)
def test_a_layer_that_is_not_built_in_is_unsafe(fields: dict[str, Any]) -> None:
    assert refusal(with_layer(**fields)) is ModelUnsafe


def test_a_function_within_a_layer_is_unsafe() -> None:
    def own_activation(config: dict[str, Any]) -> None:
        own = {"class_name": "function", "module": "builtins", "config": "exec", "registered_name": "function"}
        config["config"]["layers"][-1]["config"]["activation"] = own

    assert refusal(with_config(own_activation)) is ModelUnsafe


def test_parts_too_deep_in_each_other_are_too_large() -> None:
    def deep(config: dict[str, Any]) -> None:
        nested: Any = 1
        for _ in range(500):
            nested = [nested]
        config["config"]["more"] = nested

    assert refusal(with_config(deep)) is ModelTooLarge


def external_link(file: Any) -> None:
    file["layers/out"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: Any) -> None:
    file["layers/loop"] = h5py.SoftLink("/layers")


def external_storage(file: Any) -> None:
    file.create_dataset("read", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("read", layout)


def text(file: Any) -> None:
    file.create_dataset("words", data="hello")


def hard_loop(file: Any) -> None:
    file["layers/again"] = file["layers"]


def large(file: Any) -> None:
    # nothing of it is in the file, and all of it would be in memory
    file.create_dataset("large", (1 << 40,), "f4", chunks=(1024,))


@pytest.mark.parametrize(
    ("fill", "kind"),
    [
        (external_link, ModelUnsafe),
        (soft_link, ModelUnsafe),
        (external_storage, ModelUnsafe),
        (virtual, ModelUnsafe),
        (text, ModelUnsafe),
        (large, ModelTooLarge),
        (hard_loop, ModelTooLarge),
    ],
)
def test_weights_that_are_no_plain_arrays_are_refused(fill: Callable[[Any], None], kind: type[ModelRejected]) -> None:
    assert refusal(with_weights(fill)) is kind


def test_weights_that_are_no_hdf5_are_broken() -> None:
    assert refusal(with_member(WEIGHTS, b"weights")) is ModelBroken


@given(st.data())
def test_whatever_is_changed_in_a_file_it_passes_or_is_refused(data: st.DataObject) -> None:
    content = bytearray(SOUND)
    ends = st.integers(0, 4096) | st.integers(len(SOUND) - 4096, len(SOUND) - 1)
    for place in data.draw(st.lists(ends, min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    with suppress(ModelBroken, ModelUnsafe, ModelTooLarge):
        check_file(bytes(content), MOST)


@given(st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["class_name", "module", "registered_name", "config", "layers"]), inner)))  # fmt: skip
def test_whatever_a_config_says_it_passes_or_is_refused(config: Any) -> None:
    content = with_member(CONFIG, json.dumps({"class_name": "Sequential", "config": config}).encode())
    with suppress(ModelBroken, ModelUnsafe, ModelTooLarge):
        check_file(content, MOST)


def test_tests_read_the_arrays_that_training_wrote(tmp_path: Path) -> None:
    """The sound file is not sound by having nothing in it."""
    with h5py.File(io.BytesIO(members()[WEIGHTS]), "r") as file:
        sizes: list[int] = []
        file.visititems(
            lambda _, found: sizes.append(int(np.prod(found.shape))) if isinstance(found, h5py.Dataset) else None
        )
    assert sum(sizes) > 100_000
