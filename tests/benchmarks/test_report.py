from __future__ import annotations

from pathlib import Path

from PIL import Image

from benchmarks.curves import draw
from benchmarks.finished import Finished
from benchmarks.load import Bulk
from benchmarks.report import Figures, Pile, lines


def grown(images: int, delete_milliseconds: float) -> Pile:
    return Pile(
        kind="28x28 PNG",
        images=images,
        service=[Bulk(images_a_second=1000, accepted_milliseconds=20)],
        seconds_an_image={"web": 1e-5, "worker": 1e-4},
        operations_an_image={},
        megabytes={"web": [120.4]},
        finished=Finished(
            rows_bytes=4.25,
            plan_bytes=15,
            first_page_milliseconds=8,
            last_page_milliseconds=9,
            csv_rows_a_second=90_000,
            delete_milliseconds=delete_milliseconds,
        ),
    )


FIGURES = Figures(
    growth=[grown(1_000, 5), grown(10_000, 6)],
    steps={"28x28 PNG": {"decode": 15.0, "model": 60.0}, "200x300 PNG": {"decode": 500.0, "model": 61.0}},
)


def test_what_is_asked_of_a_finished_job_is_told_by_its_size() -> None:
    told = [line for line in lines(FIGURES) if "images done" in line]
    assert [line.split()[0] for line in told] == ["1,000", "10,000"]
    assert "10.0 s to the last row" in told[1]
    assert "4.2 B of rows" in told[1]
    assert "deleted in 6 ms" in told[1]
    assert "web 120" in told[1]


def test_the_steps_of_a_worker_are_told_with_their_sum() -> None:
    assert "28x28 PNG in a worker   75 µs: decode 15.0, model 60.0" in lines(FIGURES)


def test_the_curves_are_drawn_of_whatever_was_measured(tmp_path: Path) -> None:
    for number, figures in enumerate((FIGURES, Figures())):
        draw(figures, tmp_path / f"{number}.png")
        with Image.open(tmp_path / f"{number}.png") as picture:
            assert picture.width > 1000
