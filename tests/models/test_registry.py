from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from digitmill.domain.jobs import ModelReference
from digitmill.errors import Conflict, ModelNotFound, ModelRejected
from digitmill.models.manifest import Manifest, normaliser_for
from digitmill.models.registry import BOX, BUILT_IN, Registry
from digitmill.models.repository import Repository, UnchangedRepository, version_order
from tests.models.published import manifest_of, openvino_of

CONVERTED = {"openvino/model.xml": b"a graph", "openvino/model.bin": b"its weights"}


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place for published models that does not exist yet."""
    if request.param == "file":
        yield f"file://{tmp_path / 'published'}"
        return
    root = f"memory://{uuid4().hex}"
    yield root
    files, path = fsspec.core.url_to_fs(root)
    if files.exists(path):
        files.rm(path, recursive=True)


@pytest.fixture
def registry(url: str, tmp_path: Path) -> Registry:
    return Registry(url, tmp_path / "cache")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "model.keras"
    path.parent.mkdir()
    path.write_bytes(b"some weights")
    return path


def publish(registry: Registry, weights: Path, name: str, version: str) -> Manifest:
    manifest = manifest_of(weights.read_bytes(), name, version)
    registry.publish(manifest, weights.parent)
    return manifest


def publish_converted(registry: Registry, weights: Path) -> Manifest:
    (weights.parent / "openvino").mkdir()
    for file, content in CONVERTED.items():
        (weights.parent / file).write_bytes(content)
    graph, weights_sha256 = (hashlib.sha256(content).hexdigest() for content in CONVERTED.values())
    artifacts = openvino_of(graph, weights_sha256)
    manifest = manifest_of(weights.read_bytes(), "cheques", "1", artifacts=artifacts)
    registry.publish(manifest, weights.parent)
    return manifest


def overwrite(url: str, path: str, content: bytes) -> None:
    with fsspec.open(f"{url}/{path}", "wb", auto_mkdir=True) as file:
        file.write(content)


def test_without_published_models_the_built_in_one_is_the_default(registry: Registry) -> None:
    default = registry.resolve(None)
    assert default.name == "digits"
    assert default in registry.list()


def test_earlier_built_in_models_are_held_for_their_jobs_and_not_offered(registry: Registry) -> None:
    newest = registry.default()
    held = [manifest for manifest in registry.list(retired=True) if manifest.name == newest.name]
    assert held[-1] == newest
    assert len(held) >= 3
    assert [manifest for manifest in registry.list() if manifest.name == newest.name] == [newest]
    for manifest in held:
        assert registry.exact(manifest.reference) == registry.resolve(manifest.label) == manifest
        normaliser_for(manifest)
        for file in (registry.path, registry.converted, registry.quantised):
            assert file(manifest.reference) is not None


def test_an_earlier_built_in_model_is_offered_where_it_is_the_default(registry: Registry) -> None:
    *_, earlier, newest = (model for model in registry.list(retired=True) if model.name == "digits")
    registry.set_default(earlier.name, earlier.version)
    assert [model for model in registry.list() if model.name == "digits"] == [earlier, newest]
    assert not registry.is_retired(earlier)


@pytest.mark.parametrize("replaced", [True, False])
def test_weights_that_were_removed_or_replaced_are_there_for_the_jobs_that_began_with_them(
    registry: Registry, url: str, weights: Path, tmp_path: Path, replaced: bool
) -> None:
    first = publish_converted(registry, weights)
    files, path = fsspec.core.url_to_fs(url)
    files.rm(f"{path}/cheques", recursive=True)
    if replaced:
        weights.write_bytes(b"other weights")
        second = publish(registry, weights, "cheques", "1")
        assert registry.get("cheques") == second
    # another machine, which has never had them
    other = Registry(url, tmp_path / "other")
    assert other.exact(first.reference) == first
    assert other.path(first.reference).read_bytes() == b"some weights"
    assert other.converted(first.reference) is not None
    assert [m.sha256 for m in other.list() if m.name == "cheques"] == ([second.sha256] if replaced else [])


def test_a_published_model_is_never_retired(registry: Registry, weights: Path) -> None:
    first, second = publish(registry, weights, "digits", "1"), publish(registry, weights, "digits", "2")
    assert [each for each in registry.list() if each.name == "digits"][:2] == [first, second]


def test_the_built_in_model_fits_its_manifest(registry: Registry) -> None:
    reference = registry.default().reference
    place = BUILT_IN / reference.name / reference.version
    assert registry.path(reference) == place / "model.keras"
    assert registry.converted(reference) == (place / "openvino" / "model.xml", place / "openvino" / "model.bin")


def test_a_published_model_is_found_without_a_new_registry(registry: Registry, weights: Path) -> None:
    registry.list()
    manifest = publish(registry, weights, "cheques", "1")
    assert manifest in registry.list()
    assert registry.resolve("cheques@1") == manifest
    assert registry.resolve("cheques") == manifest
    assert registry.exact(manifest.reference) == manifest


def test_the_newest_version_is_the_highest_number_not_the_last_letter(registry: Registry, weights: Path) -> None:
    for version in ("10", "9", "beta", "9.9"):
        publish(registry, weights, "cheques", version)
    assert registry.get("cheques").version == "10"
    assert [each.version for each in registry.list() if each.name == "cheques"] == ["beta", "9", "9.9", "10"]


def test_a_repository_that_stays_the_same_is_listed_once(url: str, weights: Path, tmp_path: Path) -> None:
    publishing = Registry(url, tmp_path / "cache")
    publish(publishing, weights, "mine", "1")
    fixed, open_to_more = UnchangedRepository(url), Repository(url)
    assert fixed.versions() == open_to_more.versions() == [("mine", "1")]
    publish(publishing, weights, "mine", "2")
    assert fixed.versions() == [("mine", "1")]
    assert sorted(open_to_more.versions()) == [("mine", "1"), ("mine", "2")]


def test_versions_order_by_their_parts() -> None:
    versions = ["1.10", "1.9", "2", "1", "2-rc", "1.9-1"]
    assert sorted(versions, key=version_order) == ["1", "1.9", "1.9-1", "1.10", "2", "2-rc"]


def test_the_default_is_switched_by_its_file(registry: Registry, url: str, weights: Path) -> None:
    before = registry.default()
    manifest = publish(registry, weights, "cheques", "1")
    assert registry.default() == before
    registry.set_default("cheques", "1")
    assert registry.default() == manifest
    overwrite(url, "default", f"{before.label}\n".encode())
    assert registry.default() == before


def test_there_is_a_default_for_each_thing_that_models_read(registry: Registry, url: str, weights: Path) -> None:
    digits, numbers = registry.default(), registry.default("number")
    assert (digits.reads, numbers.reads) == ("digit", "number")
    assert registry.resolve(None, "number") == numbers
    with pytest.raises(ModelNotFound, match="letter"):
        registry.default("letter")
    amounts = manifest_of(weights.read_bytes(), "amounts", "1", reads="number")
    registry.publish(amounts, weights.parent)
    registry.set_default("amounts", "1")
    assert (registry.default(), registry.default("number")) == (digits, amounts)
    assert [registry.is_default(each) for each in (digits, numbers, amounts)] == [True, False, True]
    overwrite(url, "default", f"{numbers.label}\n{digits.label}\n".encode())
    assert (registry.default(), registry.default("number")) == (digits, numbers)


def test_boxes_of_forms_have_a_model_of_their_own_unless_somebody_chose_another(
    registry: Registry, url: str, weights: Path
) -> None:
    digits, boxes = registry.default(), registry.default(BOX)
    assert (boxes.name, boxes.reads, boxes.normaliser) == ("boxes", "digit", digits.normaliser)
    assert registry.resolve(None, BOX) == boxes
    own = publish(registry, weights, "cheques", "1")
    registry.set_default("cheques", "1")
    assert registry.default(BOX) == own
    overwrite(url, "default", f"{digits.label}\n".encode())
    assert registry.default(BOX) == boxes
    registry.releases.change(lambda releases: releases.model_copy(update={"retired": (boxes.label,)}))
    assert registry.default(BOX) == digits


def test_a_default_that_does_not_exist_is_an_error_and_not_another_model(registry: Registry, url: str) -> None:
    overwrite(url, "default", b"vanished@3")
    with pytest.raises(ModelNotFound, match="vanished@3"):
        registry.default()


def test_only_a_model_that_exists_becomes_the_default(registry: Registry) -> None:
    before = registry.default()
    with pytest.raises(ModelNotFound):
        registry.set_default("digits", "999")
    assert registry.default() == before


@pytest.mark.parametrize(
    "text",
    [
        *("cheques", "digits@999", "", "@", "@1", "digits@", "digits@1@1", "Digits", "digits@..", "../digits@1"),
        *("digits@../digits/1", "/etc@1", "digits/1", "*@*", "digits@*"),
        *("digits@1\n", "digits@1 ", "digits@\x00", "a" * 300),
    ],
    ids=repr,
)
def test_a_name_that_is_none_is_answered_with_what_exists(registry: Registry, text: str) -> None:
    with pytest.raises(ModelNotFound, match="The models here: boxes@"):
        registry.resolve(text)


def test_a_path_out_of_the_shelf_is_refused_though_a_file_lies_there(tmp_path: Path, weights: Path) -> None:
    publish(Registry(f"file://{tmp_path}/outer", tmp_path / "cache"), weights, "secret", "1")
    registry = Registry(f"file://{tmp_path}/outer/secret", tmp_path / "cache")
    with pytest.raises(ModelNotFound):
        registry.get("../secret", "1")
    with pytest.raises(ModelNotFound):
        registry.path(ModelReference("..", "secret/1", "0" * 64))


def test_the_file_of_a_published_model_is_cached_and_checked(registry: Registry, weights: Path) -> None:
    manifest = publish(registry, weights, "cheques", "1")
    path = registry.path(manifest.reference)
    assert path.read_bytes() == weights.read_bytes()
    assert path.suffix == ".keras"
    path.write_bytes(b"damaged")
    assert registry.path(manifest.reference).read_bytes() == weights.read_bytes()


def test_the_files_for_openvino_are_cached_and_checked(registry: Registry, weights: Path) -> None:
    manifest = publish_converted(registry, weights)
    files = registry.converted(manifest.reference)
    assert files is not None
    assert [path.read_bytes() for path in files] == list(CONVERTED.values())
    assert [path.suffix for path in files] == [".xml", ".bin"]
    files.weights.write_bytes(b"damaged")
    assert registry.converted(manifest.reference) == files
    assert files.weights.read_bytes() == b"its weights"


@pytest.mark.parametrize("file", CONVERTED)
def test_files_for_openvino_that_do_not_fit_are_refused(registry: Registry, url: str, weights: Path, file: str) -> None:
    manifest = publish_converted(registry, weights)
    overwrite(url, f"cheques/1/{file}", b"another")
    with pytest.raises(ModelRejected, match=f"{file}.*sha256"):
        registry.converted(manifest.reference)


def test_a_model_without_files_for_openvino_has_none(registry: Registry, weights: Path) -> None:
    assert registry.converted(publish(registry, weights, "cheques", "1").reference) is None


def test_a_model_that_was_not_quantised_has_no_files_in_int8(registry: Registry, weights: Path) -> None:
    assert registry.quantised(publish_converted(registry, weights).reference) is None


def test_the_pictures_of_a_model_are_checked_and_no_other_file_passes_for_one(
    registry: Registry, url: str, weights: Path
) -> None:
    (weights.parent / "coverage.png").write_bytes(b"a curve")
    pictures = {"coverage.png": hashlib.sha256(b"a curve").hexdigest()}
    registry.publish(manifest_of(weights.read_bytes(), "cheques", "1", pictures=pictures), weights.parent)
    assert registry.picture("cheques", "1", "coverage.png").read_bytes() == b"a curve"
    for other in ("reliability.png", "model.keras", "../1/coverage.png"):
        with pytest.raises(ModelNotFound, match=r"coverage\.png"):
            registry.picture("cheques", "1", other)
    registry.picture("cheques", "1", "coverage.png").unlink()
    overwrite(url, "cheques/1/coverage.png", b"another")
    with pytest.raises(ModelRejected, match=r"coverage\.png.*sha256"):
        registry.picture("cheques", "1", "coverage.png")


def test_a_conversion_that_is_missing_is_not_published(registry: Registry, weights: Path) -> None:
    artifacts = openvino_of("0" * 64, "0" * 64)
    with pytest.raises(ModelRejected, match=r"no openvino/model\.xml"):
        registry.publish(manifest_of(weights.read_bytes(), "cheques", "1", artifacts=artifacts), weights.parent)
    assert "cheques" not in [each.name for each in registry.list()]


def test_a_file_that_does_not_fit_its_manifest_is_refused(registry: Registry, url: str, weights: Path) -> None:
    manifest = publish(registry, weights, "cheques", "1")
    overwrite(url, "cheques/1/model.keras", b"other weights")
    with pytest.raises(ModelRejected, match="sha256"):
        registry.path(manifest.reference)


def test_a_manifest_without_its_file_is_refused(registry: Registry, url: str, weights: Path) -> None:
    manifest = manifest_of(weights.read_bytes(), "cheques", "1")
    files, root = fsspec.core.url_to_fs(url)
    files.makedirs(f"{root}/cheques/1")
    overwrite(url, "cheques/1/manifest.json", manifest.to_json().encode())
    with pytest.raises(ModelRejected, match=r"no model\.keras"):
        registry.path(manifest.reference)


def test_other_weights_under_the_same_version_are_refused(registry: Registry, url: str, weights: Path) -> None:
    # put there by hand, and so kept nowhere else
    chosen, replaced = (manifest_of(content, "cheques", "1") for content in (weights.read_bytes(), b"other weights"))
    overwrite(url, "cheques/1/model.keras", weights.read_bytes())
    overwrite(url, "cheques/1/manifest.json", chosen.to_json().encode())
    assert registry.path(chosen.reference).read_bytes() == weights.read_bytes()
    overwrite(url, "cheques/1/manifest.json", replaced.to_json().encode())
    with pytest.raises(ModelRejected, match="have changed"):
        registry.path(chosen.reference)


def test_a_broken_manifest_hides_no_other_model(
    registry: Registry, url: str, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = publish(registry, weights, "cheques", "1")
    publish(registry, weights, "cheques", "2")
    overwrite(url, "cheques/2/manifest.json", b"{}")
    assert good in registry.list()
    assert "cheques/2/manifest.json" in caplog.text
    with pytest.raises(ModelRejected):
        registry.get("cheques", "2")


def test_a_manifest_in_another_models_place_is_refused(registry: Registry, url: str, weights: Path) -> None:
    publish(registry, weights, "cheques", "1")
    overwrite(url, "cheques/1/manifest.json", manifest_of(b"x", "cheques", "2").to_json().encode())
    with pytest.raises(ModelRejected, match="says that it is cheques@2"):
        registry.get("cheques", "1")


def test_a_published_model_hides_the_built_in_one_but_jobs_keep_theirs(registry: Registry, weights: Path) -> None:
    built_in = registry.default()
    mine = publish(registry, weights, built_in.name, built_in.version)
    assert registry.get(built_in.name, built_in.version) == mine
    assert registry.exact(built_in.reference) == built_in
    assert registry.path(built_in.reference).read_bytes() != weights.read_bytes()


def test_a_version_is_published_once(registry: Registry, weights: Path) -> None:
    publish(registry, weights, "cheques", "1")
    with pytest.raises(Conflict, match="new version"):
        publish(registry, weights, "cheques", "1")


def test_weights_that_do_not_fit_are_not_published(registry: Registry, weights: Path) -> None:
    with pytest.raises(ModelRejected):
        registry.publish(manifest_of(b"other weights", "cheques", "1"), weights.parent)
    assert "cheques" not in [each.name for each in registry.list()]


def test_a_model_cannot_take_the_name_of_the_default_file(registry: Registry, weights: Path) -> None:
    with pytest.raises(ModelRejected, match="default"):
        publish(registry, weights, "default", "1")


def test_nothing_is_left_beside_the_published_files(registry: Registry, url: str, weights: Path) -> None:
    manifest = publish(registry, weights, "cheques", "1")
    registry.set_default("cheques", "1")
    files, root = fsspec.core.url_to_fs(url)
    names = sorted(path.removeprefix(root).lstrip("/") for path in files.find(root))
    published = ["cheques/1/manifest.json", "cheques/1/model.keras"]
    assert names == [*(f".kept/{manifest.sha256}/{name}" for name in published), *published, "default"]


def test_the_registry_loads_no_framework() -> None:
    code = "import sys, digitmill.models.registry as r; print({'tensorflow', 'keras', 'openvino'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "set()\n"
