"""A .keras file becomes a published model, or is refused and leaves nothing behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from digitmill.errors import Conflict, ModelNotFound, ModelRejected, ModelTooLarge, ModelUnfit, ModelUnsafe
from digitmill.models.engines.keras import configure
from digitmill.models.manifest import Manifest, Provenance
from digitmill.models.registry import Registry
from digitmill.publishing.card import STEPS, Card, Report
from digitmill.publishing.publishing import publish, reported
from digitmill.settings import DeviceName, EngineName, PrecisionName, Settings
from tests.models.published import save_network
from tests.publishing.files import SOUND, with_layer

CARD = Card(name="mine", version="1", description="Somebody's.", provenance="Trained at home.")


def registry_in(folder: Path) -> Registry:
    return Registry(f"file://{folder / 'models'}", folder / "cache")


def published(registry: Registry, content: bytes, **settings: int) -> Report:
    stated = Provenance(text=CARD.provenance, by="key", job="job")
    return publish(content, CARD, stated, registry, Settings(**settings))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, Report, list[int]]:
    """The built-in network, published under another name, and the steps that were told."""
    registry, steps = registry_in(tmp_path_factory.mktemp("sound")), list[int]()
    stated = Provenance(text=CARD.provenance, by="key", job="job")
    return registry, publish(SOUND, CARD, stated, registry, Settings(), on_step=steps.append), steps


def manifest_of(registry: Registry) -> Manifest:
    return registry.get("mine", "1")


def test_it_is_measured_and_may_be_named_by_jobs(sound: tuple[Registry, Report, list[int]]) -> None:
    registry, report, _ = sound
    manifest = manifest_of(registry)
    assert report.figures.reference["mnist"].accuracy > 0.99
    assert report.figures.non_digits["non_digits"].accepted < 0.01
    assert manifest.metrics.test["reference mnist"] == report.figures.reference["mnist"]
    assert 0.9 < manifest.review_below < 1
    assert (manifest.temperature, manifest.review_below) == (report.temperature, report.review_below)
    assert registry.resolve("mine").reference == manifest.reference
    assert len(manifest.classes) == 17
    assert report.layers[-1] == "Dense"
    assert all(speed > 0 for speed in report.images_a_second.values())


def test_what_is_kept_was_written_anew_and_converted(sound: tuple[Registry, Report, list[int]]) -> None:
    registry, report, _ = sound
    manifest = manifest_of(registry)
    assert report.uploaded_sha256 == hashlib.sha256(SOUND).hexdigest() != manifest.sha256
    assert registry.path(manifest.reference).is_file()
    assert registry.converted(manifest.reference) is not None
    assert manifest.agrees(EngineName.OPENVINO, PrecisionName.F32)
    assert manifest.provenance == Provenance(
        text="Trained at home.", by="key", job="job", uploaded_sha256=report.uploaded_sha256
    )
    assert Manifest.parse(manifest.to_json(), "itself") == manifest


def test_its_steps_are_told_in_order(sound: tuple[Registry, Report, list[int]]) -> None:
    _, _, steps = sound
    assert steps == sorted(steps)
    assert steps[-1] == len(STEPS)


def test_a_report_can_be_made_of_the_manifest_alone(sound: tuple[Registry, Report, list[int]]) -> None:
    registry, report, _ = sound
    examined = ("layers", "images_a_second", "default", "default_figures")
    unknown = {name: Report.model_fields[name].default for name in examined} | {"layers": (), "images_a_second": {}}
    assert reported(manifest_of(registry)) == report.model_copy(update=unknown)


def test_the_default_is_measured_on_the_same_pictures(sound: tuple[Registry, Report, list[int]]) -> None:
    registry, report, _ = sound
    assert report.default == registry.default().label
    assert report.default_figures is not None
    # it is the same network
    own = report.figures.reference["mnist"]
    assert report.default_figures.reference["mnist"].accuracy == own.accuracy


def test_a_version_that_is_taken_is_refused(sound: tuple[Registry, Report, list[int]]) -> None:
    registry, _, _ = sound
    with pytest.raises(Conflict):
        published(registry, SOUND)


def refused(tmp_path: Path, content: bytes, **settings: int) -> ModelRejected:
    registry = registry_in(tmp_path)
    with pytest.raises(ModelRejected) as error:
        published(registry, content, **settings)
    with pytest.raises(ModelNotFound):
        registry.get("mine")
    return error.value


def test_a_lambda_is_refused(tmp_path: Path) -> None:
    assert type(refused(tmp_path, with_layer(class_name="Lambda"))) is ModelUnsafe


def test_a_file_of_too_many_bytes_is_not_looked_at(tmp_path: Path) -> None:
    assert type(refused(tmp_path, bytes(70_000), max_model_bytes=1 << 16)) is ModelTooLarge


def test_a_network_that_reads_nothing_is_unfit(tmp_path: Path) -> None:
    error = refused(tmp_path, save_network(tmp_path / "random.keras").read_bytes())
    assert type(error) is ModelUnfit
    assert "light ink on black" in error.detail


@pytest.mark.parametrize(("side", "classes"), [(28, 7), (20, 10)])
def test_a_network_of_other_shapes_is_unfit(tmp_path: Path, side: int, classes: int) -> None:
    content = save_network(tmp_path / "other.keras", side=side, classes=classes).read_bytes()
    assert type(refused(tmp_path, content)) is ModelUnfit


def test_outputs_that_are_no_probabilities_are_unfit(tmp_path: Path) -> None:
    error = refused(tmp_path, with_layer_activation("linear"))
    assert type(error) is ModelUnfit
    assert "softmax" in error.detail


def with_layer_activation(activation: str) -> bytes:
    from tests.publishing.files import with_config

    return with_config(lambda config: config["config"]["layers"][-1]["config"].update(activation=activation))


def test_a_network_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    configure(DeviceName.CPU, 1)
    import keras

    layers = keras.layers
    large = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.UpSampling2D(100),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, "softmax"),
        ]
    )
    large.save(tmp_path / "large.keras")
    content = (tmp_path / "large.keras").read_bytes()
    assert type(refused(tmp_path, content, publish_memory_bytes=1 << 29)) is ModelTooLarge


def test_one_that_computes_for_too_long_is_refused(tmp_path: Path) -> None:
    assert type(refused(tmp_path, SOUND, publish_seconds=1)) is ModelTooLarge


def test_who_calls_it_can_end_it(tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise InterruptedError

    registry = registry_in(tmp_path)
    with pytest.raises(InterruptedError):
        publish(SOUND, CARD, Provenance(), registry, Settings(), on_step=stop)
    assert [model for model in registry.list() if model.name == "mine"] == []
