from __future__ import annotations

import numpy as np

from tests.training.conftest import RUN
from tests.training.drawn import source_of
from training.learning.epochs import CALIBRATION_DRAWINGS, DRAWINGS, calibration_scans, drawn, epochs, held_out
from training.pictures.data import CLASSES, Source

SOURCES = (source_of("mnist", 20), source_of("other", 10))
NONE = len(CLASSES)


def test_an_epoch_has_every_digit_and_so_many_pictures_of_none_for_each() -> None:
    training = SOURCES[0].training
    pictures = drawn(training, (1, 0), RUN)
    assert pictures.labels[: len(training)].tolist() == training.labels.tolist()
    others = pictures.labels[len(training) :]
    assert len(others) == round(RUN.non_digits * len(training))
    assert (others >= NONE).all()


def test_the_same_seed_draws_the_same_epoch() -> None:
    one, again, other = (drawn(SOURCES[1].training, seed, RUN) for seed in ((1, 0), (1, 0), (1, 1)))
    np.testing.assert_array_equal(one.images, again.images)
    assert not np.array_equal(one.images, other.images)


def test_an_epoch_draws_one_half_of_the_digits_anew_and_shows_the_other_again() -> None:
    training = SOURCES[1].training
    first, second, third = (digits for _, digits in epochs(training, RUN.model_copy(update={"epochs": 3}), 0))
    half = len(first) // 2
    np.testing.assert_array_equal(first.images[-half:], second.images[:half])
    assert not np.array_equal(first.images[:half], third.images[:half])
    for epoch in (first, second, third):
        assert np.bincount(epoch.labels[epoch.labels < NONE]).tolist() == np.bincount(training.labels).tolist()


def test_a_run_that_goes_on_sees_the_same_epochs() -> None:
    config = RUN.model_copy(update={"epochs": 3})
    whole, resumed = (dict(epochs(SOURCES[1].training, config, first)) for first in (0, 2))
    np.testing.assert_array_equal(whole[2].images, resumed[2].images)


def test_a_network_without_the_class_is_trained_on_digits_alone() -> None:
    ten = RUN.model_copy(update={"non_digits": 0.0})
    assert drawn(SOURCES[1].training, (1, 0), ten).labels.max() < NONE


def test_validation_has_digits_as_they_are_and_drawn_and_what_is_none() -> None:
    validation = held_out(SOURCES, RUN)
    assert len(validation.clean) == sum(len(source.validation) for source in SOURCES)
    assert validation.drawn.labels.tolist() == DRAWINGS * validation.clean.labels.tolist()
    first, second = np.split(validation.drawn.images, DRAWINGS)
    # a digit that was lost on the way to both pictures is in both of them as it came
    as_it_came = (first == validation.clean.images).all(axis=(1, 2))
    assert ((first != second).any(axis=(1, 2)) | as_it_came).all()
    assert as_it_came.mean() < 0.2
    assert (validation.others.labels >= NONE).all()
    assert len(validation.known(RUN)) == len(validation.clean) + len(validation.drawn) + len(validation.others)


def test_the_threshold_is_set_by_other_pictures_than_it_is_measured_on() -> None:
    validation, calibration = held_out(SOURCES, RUN), calibration_scans(SOURCES, RUN)
    digits, clean = calibration.digits, validation.clean
    assert digits.labels.tolist() == CALIBRATION_DRAWINGS * clean.labels.tolist()
    assert len(calibration.others) == CALIBRATION_DRAWINGS * len(validation.others) // DRAWINGS
    drawn = np.concatenate(np.split(digits.images, CALIBRATION_DRAWINGS)[:DRAWINGS])
    # one in ten stays as it is
    as_it_is = (drawn == np.concatenate([clean.images] * DRAWINGS)).all(axis=(1, 2))
    assert as_it_is.mean() < 0.2
    assert (drawn != validation.drawn.images).any(axis=(1, 2))[~as_it_is].all()


def test_where_nothing_is_drawn_the_threshold_is_set_by_the_digits_as_they_are() -> None:
    plain = RUN.model_copy(update={"augmented": False})
    np.testing.assert_array_equal(calibration_scans(SOURCES, plain).images, held_out(SOURCES, plain).clean.images)


def test_a_network_without_the_class_is_held_to_refuse_what_is_none_all_the_same() -> None:
    ten = RUN.model_copy(update={"non_digits": 0.0})
    validation = held_out(SOURCES, ten)
    assert len(validation.others)
    assert validation.known(ten).labels.max() < NONE


def test_where_nothing_is_drawns_and_validation_are_the_digits_as_they_are() -> None:
    plain = RUN.model_copy(update={"augmented": False})
    training = SOURCES[1].training
    assert [(epoch, digits is training) for epoch, digits in epochs(training, plain, 1)] == [(1, True)]
    validation = held_out(SOURCES, plain)
    assert len(validation.known(plain)) == len(validation.clean)


def test_a_source_kept_for_testing_takes_no_part_in_validation() -> None:
    from training.pictures.data import kept_for_testing

    kept: Source = kept_for_testing(SOURCES[1])
    assert kept.test is not None
    assert len(kept.test) == 100
    assert len(held_out((SOURCES[0], kept), RUN).clean) == len(SOURCES[0].validation)
