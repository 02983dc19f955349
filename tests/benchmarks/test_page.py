"""The tables of the pages come from the figures that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load import Bulk, Singles, Spread
from benchmarks.overload import Overload
from benchmarks.page import PAGES, page, performance, simulated
from benchmarks.report import Beside, EngineCeiling, Engines, Figures, Pile, SinglesAtOnce
from benchmarks.scaling.outcomes import Outcome

SPREAD = Spread(p50=12.34, p99=1234.5, longest=2000)


def pile(images: int, seconds: float = 0.0005) -> Pile:
    return Pile(
        kind="28x28 PNG",
        images=images,
        service=[Bulk(images_a_second=800, accepted_milliseconds=90)],
        ceiling_images_a_second=[1000],
        seconds_an_image={"web": 0, "worker": seconds, "redis": 0},
        operations_an_image={},
        megabytes={},
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_shows_the_figures_that_are_kept(path: Path) -> None:
    text = path.read_text()
    assert "<!-- figures:" in text
    assert page(text) == text, "run `python -m benchmarks.page`"


def test_figures_become_tables_with_the_ratio_first() -> None:
    figures = Figures(
        machine="a machine",
        cores=2,
        load=(0.1, 0.2, 0.3),
        piles=[pile(10_000)],
        engines=Engines(
            kind="28x28 PNG",
            images=10_000,
            service=[Bulk(images_a_second=1500, accepted_milliseconds=90)],
            ceilings=[
                EngineCeiling(engine="keras", precision="f32", by_hand=True, images_a_second=[900, 1000, 1100]),
                EngineCeiling(engine="openvino", precision="int8", images_a_second=[2000]),
            ],
        ),
        workers={1: pile(10_000), 2: pile(10_000)},
        growth=[pile(1_000), pile(10_000, seconds=0.00055)],
        singles=[
            SinglesAtOnce(
                at_once=16,
                measured=Singles(images_a_second=321, milliseconds=SPREAD, refused=3),
                seconds_an_image={"web": 0.001, "worker": 0.002, "redis": 0.0003},
                operations_an_image={},
            )
        ],
        beside=Beside(images=100_000, images_a_second=700, milliseconds={"GET /healthz": SPREAD}),
    )
    text = performance(figures)
    assert "2 cores, load before the run 0.10, 0.20, 0.30" in text
    assert "| 10,000 images, 28x28 PNG | 0.80 | 800 | 90 ms | 0 | 500 | 0 |" in text
    assert "| keras f32, by hand | 1.00 | 1,000 |" in text
    assert "| openvino int8, in process | 2.00 | 2,000 |\n| the service | 1.50 | 1,500 |" in text
    assert "| 2 | 1.00 | 1.00 | 0.80 |" in text
    assert "| 10,000 | 1.10 | 90 ms |" in text
    assert "| 16 | 321 | 12.3 ms | 1234.5 ms | 3 | 1,000 | 2,000 | 300 |" in text
    assert "| GET /healthz | 12.3 ms | 1234.5 ms |" in text


def test_what_was_not_measured_is_left_out() -> None:
    assert "|" not in performance(Figures(machine="a machine", cores=2, load=(0, 0, 0)))


def test_loads_of_one_kind_stand_in_one_table() -> None:
    one = Outcome(
        what="piles alone",
        kind="28x28 PNG",
        workers=1,
        offered=2000,
        images_a_second=1999,
        redis=0.015,
        milliseconds={10_000: SPREAD},
        refused=0,
        failures=0,
        gigabytes_kept=28,
    )
    text = simulated([one, one.model_copy(update={"workers": 10}), one.model_copy(update={"kind": "scan"})])
    assert text.count("Piles alone, 28x28 PNG:") == text.count("Piles alone, scan:") == 1
    assert "| 1 | 2,000 | 1,999 | 2% |  | 12 ms / 1.2 s |  | 28 GB |\n| 10 | 2,000" in text


def test_an_overload_tells_of_what_was_accepted_and_refused() -> None:
    overload = Overload(
        images=500,
        carried_images_a_second=1000,
        times=4,
        alone=SPREAD,
        accepted=7,
        accepted_milliseconds=SPREAD,
        refused=21,
        refused_milliseconds=SPREAD,
    )
    table = performance(Figures(overload=overload))
    assert "| jobs of 500 images, 4 times the load | jobs | p50 | p99 |" in table
    assert "| accepted, until done | 7 | 12.3 ms | 1234.5 ms |" in table
    assert "| refused | 21 | 12.3 ms | 1234.5 ms |" in table
