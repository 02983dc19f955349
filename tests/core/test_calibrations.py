"""A job that names a calibration is answered by its temperature and its threshold, beside jobs that name none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Options, Rule
from digitmill.errors import BadOptions
from digitmill.models.engines.base import Batch, Probabilities
from digitmill.models.runtime import Model, calibrate
from digitmill.readers.digit import OpenedDigit
from digitmill.store.records import record_of
from digitmill.work.pipeline import OpenedChunk, answer_opened
from tests.core.conftest import Mill, add_calibration, png, publish
from tests.models.published import manifest_of

ANSWER = np.array([0.9, 0.1, *[0.0] * 8], np.float32)


class Engine:
    """Says the same of every picture, and notes how sure rows have to be."""

    name, device, precision = "one", "cpu", "int8"

    def __init__(self) -> None:
        self.asked: list[float] = []

    def probabilities(self, batch: Batch, sure: NDArray[np.float64] | float = 0.0) -> Probabilities:
        self.asked += np.broadcast_to(sure, len(batch)).tolist()
        return np.tile(ANSWER, (len(batch), 1))

    def warm_up(self) -> None:
        return


def opened(options: Options) -> OpenedChunk:
    return OpenedChunk(1, options, places=[0], opened=[OpenedDigit([np.zeros((28, 28), np.uint8)], doubtful=False)])


def test_jobs_of_one_batch_are_each_answered_by_their_own_calibration() -> None:
    engine = Engine()
    model = Model(manifest_of(b"x", temperature=1.0, review_below=0.8), engine)
    plain = Options(review_below=0.8)
    cooler = Options(review_below=0.8, calibration="a", temperature=0.5)
    warmer = Options(review_below=0.8, calibration="b", temperature=2.0)
    answers = answer_opened([opened(each) for each in (plain, cooler, warmer)], model)
    rows = [answer.rows(0, ["a"])[0] for answer in answers]
    assert [row.confidence for row in rows] == pytest.approx([0.9, 81 / 82, 3 / 4])
    assert [row.status for row in rows] == ["recognized", "recognized", "review"]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("others", [1, 9])
def test_a_fast_precision_is_not_trusted_near_the_threshold_of_a_calibration(temperature: float, others: int) -> None:
    engine = Engine()
    model = Model(manifest_of(b"x", temperature=1.0, review_below=0.8), engine)
    rule = Rule(temperature, review_below=0.97)
    model.predict_by(np.zeros((2, 28, 28), np.uint8), [None, rule])
    plain, sure = engine.asked
    assert plain == 0
    # what a row that is just sure enough is worth, by how many classes share the rest
    said = np.array([[sure, *[(1 - sure) / others] * others]], np.float32)
    assert calibrate(said, rule.temperature)[0, 0] >= 0.985 - 1e-6


def test_where_float32_cannot_tell_no_fast_precision_is_trusted() -> None:
    engine = Engine()
    Model(manifest_of(b"x"), engine).predict_by(np.zeros((1, 28, 28), np.uint8), [Rule(3.0, 0.99)])
    assert engine.asked == [np.inf]


def test_a_job_keeps_the_numbers_of_its_calibration(mill: Mill) -> None:
    add_calibration(mill.service.registry)
    job = mill.submit({"a.png": png()}, Options(calibration="mine"))
    found = mill.store.get(job.id).options
    assert (found.calibration, found.temperature, found.review_below) == ("mine", 2.0, 0.7)
    own = mill.submit({"a.png": png()}, Options(calibration="mine", review_below=0.9))
    assert (own.options.temperature, own.options.review_below) == (2.0, 0.9)
    plain = mill.submit({"a.png": png()})
    assert (plain.options.calibration, plain.options.temperature) == (None, None)
    mill.turn()
    calibrated, said = (mill.service.results.row("ann", each.id, 0).confidence for each in (job, plain))
    assert calibrated is not None
    assert said is not None
    assert calibrated < said


def test_a_retry_keeps_the_numbers_though_the_calibration_is_withdrawn(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitmill.models.registry.FRESH_SECONDS", 0.0)
    add_calibration(mill.service.registry)
    job = mill.submit({"x.txt": b"hello"}, Options(calibration="mine"))
    mill.turn()
    (mill.service.settings.var / "models" / "digits" / "1" / "calibrations" / "mine.json").unlink()
    again = mill.service.retrying.retry("ann", job.id).job
    assert (again.options.calibration, again.options.temperature, again.options.review_below) == ("mine", 2.0, 0.7)
    mill.turn()
    place = mill.service.settings.var / "models"
    shutil.rmtree(place / "digits" / "1")
    publish(place, "digits", "2", review_below=0.4)
    other = mill.service.retrying.retry("ann", again.id).job
    assert (other.options.calibration, other.options.temperature, other.options.review_below) == (None, None, 0.4)


def test_records_without_a_calibration_are_those_that_earlier_releases_read(mill: Mill) -> None:
    add_calibration(mill.service.registry)
    plain = json.loads(record_of(mill.submit({"a.png": png()})))
    assert plain["options"].keys().isdisjoint({"calibration", "temperature"})
    named = json.loads(record_of(mill.submit({"a.png": png()}, Options(calibration="mine"))))
    assert named["options"]["temperature"] == 2.0


@pytest.mark.parametrize("name", ["other", "../../digits/1/manifest", "MINE", "mine.json", ""])
def test_an_unknown_calibration_is_refused_by_the_name_of_its_option(mill: Mill, name: str) -> None:
    add_calibration(mill.service.registry)
    with pytest.raises(BadOptions, match="Its calibrations: mine") as caught:
        mill.submit({"a.png": png()}, Options(calibration=name))
    assert [fault.field for fault in caught.value.errors] == ["calibration"]


def test_a_calibration_is_for_its_weights_alone(mill: Mill) -> None:
    add_calibration(mill.service.registry)
    publish(mill.service.settings.var / "models", "digits", "2")
    other = Options(calibration="mine", model="digits@2")
    with pytest.raises(BadOptions, match="digits@2 has no calibration"):
        mill.submit({"a.png": png()}, other)
    manifest = Path(mill.service.settings.var / "models" / "digits" / "1" / "manifest.json")
    document = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(document | {"sha256": "0" * 64}))
    assert mill.service.registry.calibrations.of(mill.service.registry.get("digits", "1")) == []


def test_a_broken_calibration_is_left_out(mill: Mill) -> None:
    add_calibration(mill.service.registry)
    folder = mill.service.settings.var / "models" / "digits" / "1" / "calibrations"
    (folder / "broken.json").write_text("{")
    (folder / "copied.json").write_bytes((folder / "mine.json").read_bytes())
    registry = mill.service.registry
    assert [each.name for each in registry.calibrations.of(registry.default())] == ["mine"]
