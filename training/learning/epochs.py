"""The pictures of a run: what each epoch learns from, and what is held out to choose weights and thresholds by."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process

import cv2

from training.config import Config
from training.drawn.augment import augment
from training.non_digits import non_digits
from training.pictures.data import NO_DIGITS, Digits, Source, joined

VALIDATION_SEED, CALIBRATION_SEED = 1_000_003, 2_000_003
"""Of the first pictures drawn for validation and for the threshold: no half of an epoch has such a number."""
DRAWINGS, CALIBRATION_DRAWINGS = 2, 8
"""Scans of each held-out digit. The threshold rests on one error in a thousand: of two drawings those are a dozen, and
another two put it elsewhere. What it lets through is measured on the pictures for validation, which did not set it."""
NON_DIGITS = 0.15
"""Pictures of what is no digit for each digit drawn for validation."""
NON_DIGITS_SEED = 7
"""Sets the pictures that are no digits apart from the digits of the same epoch."""


@dataclass(frozen=True)
class Validation:
    """``clean``: the held-out digits of all sources as they are; ``drawn``: the same, ``DRAWINGS`` times, as scans.

    ``others``: pictures of what is no digit; ``boxes``: those of drawn forms. The last three are empty where training
    draws none.
    """

    clean: Digits
    drawn: Digits = NO_DIGITS
    others: Digits = NO_DIGITS
    boxes: Digits = NO_DIGITS

    def known(self, config: Config) -> Digits:
        """All of them that are of the classes which the network of ``config`` has."""
        return joined([self.clean, self.drawn, *([self.others, self.boxes] if config.non_digits else [])])


def held_out(sources: tuple[Source, ...], config: Config) -> Validation:
    """What the validation of a run is measured on."""
    clean = joined([source.validation for source in sources])
    if not config.augmented:
        return Validation(clean)
    scans = [_scans(clean, (config.seed, VALIDATION_SEED + drawing)) for drawing in range(DRAWINGS)]
    # a network without a class for them is held to them too: they must stay under its threshold
    return Validation(clean, joined([drawn for drawn, _ in scans]), joined([others for _, others in scans]))


def calibration_scans(sources: tuple[Source, ...], config: Config) -> Digits:
    """What comes in at work: scans of the held-out digits, and pictures of no digit.

    The digits as they are where nothing is drawn. Those are too easy to choose by.
    """
    clean = joined([source.validation for source in sources])
    if not config.augmented:
        return clean
    seeds = [(config.seed, CALIBRATION_SEED + drawing) for drawing in range(CALIBRATION_DRAWINGS)]
    return joined([part for seed in seeds for part in _scans(clean, seed)])


def _scans(clean: Digits, seed: tuple[int, ...]) -> tuple[Digits, Digits]:
    """Each of the digits as one scan, and pictures of no digit."""
    return augment(clean, seed, scan_share=1.0), _others(clean, seed, NON_DIGITS)


def epochs(training: Digits, config: Config, first: int) -> Iterator[tuple[int, Digits]]:
    """The epochs from ``first`` on, drawn in another process while the one before is trained.

    Drawing costs as much as training, so an epoch draws every second digit again and shows the others once more.
    """
    if not config.augmented:
        yield from ((epoch, training) for epoch in range(first, config.epochs))
        return
    halves = [training[slice(start, None, 2)] for start in (0, 1)]
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin) as pool:

        def start(number: int) -> Future[Digits]:
            return pool.submit(drawn, halves[number % 2], (config.seed, number), config)

        waiting = [start(first), start(first + 1)]
        for epoch in range(first, config.epochs):
            if epoch + 1 < config.epochs:
                waiting.append(start(epoch + 2))
            yield epoch, joined([half.result() for half in waiting[:2]])
            waiting.pop(0)


def _begin() -> None:
    """In the process that draws: one thread, and no longer than the process lives that it draws for."""
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def drawn(training: Digits, seed: tuple[int, ...], config: Config) -> Digits:
    """New pictures of the same digits, and behind them pictures of what is none; the same for the same ``seed``."""
    digits = augment(training, seed, config.scan_share)
    return joined([digits, _others(training, seed, config.non_digits)]) if config.non_digits else digits


def _others(digits: Digits, seed: tuple[int, ...], share: float) -> Digits:
    return non_digits(digits, round(share * len(digits)), (*seed, NON_DIGITS_SEED))
