"""How the service does beside its own engine: ``make bench``, or ``python -m benchmarks --help``.

The ceiling is what as many processes of one thread each as there are cores make of the same zip without any
service: open it, decode every member, normalise, classify. Both are measured in turns in one run, and ratios come
first, since seconds are this machine's alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from benchmarks.ceiling import Ceiling
from benchmarks.load import Bulk, bulk, single, under_load
from benchmarks.pictures import mnist_zip
from digitmill.embedded.stack import running_stack
from digitmill.settings import Settings


class Report(BaseModel):
    """What a run measured; seconds, milliseconds and images a second of this machine."""

    images: int
    ceiling_images_a_second: list[float]
    service: list[Bulk]
    single_milliseconds: dict[str, float]
    beside_large_job_milliseconds: dict[str, dict[str, float]]
    large_job_images_a_second: float

    @property
    def ratio(self) -> float:
        """The service's rate as a share of the ceiling's, medians of both."""
        service = statistics.median(run.images_a_second for run in self.service)
        return service / statistics.median(self.ceiling_images_a_second)


def main(
    images: Annotated[int, typer.Option(min=1, help="Images of a bulk job.")] = 10_000,
    large: Annotated[int, typer.Option(min=1, help="Images of the job that others run beside.")] = 100_000,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of ceiling and service.")] = 5,
    out: Annotated[Path | None, typer.Option(help="File for the figures as JSON.")] = None,
) -> None:
    """Measure bulk jobs against the in-process ceiling, single images, and polls beside a large job."""
    with tempfile.TemporaryDirectory(prefix="digitmill-bench-") as folder:
        settings = Settings.load().model_copy(update={"var": Path(folder), "port": 0, "redis_url": None})
        pile, big = Path(folder) / "pile.zip", Path(folder) / "large.zip"
        mnist_zip(settings, pile, images)
        mnist_zip(settings, big, large)
        with running_stack(settings, _say) as stack, Ceiling(settings, pile) as ceiling:
            bulk(stack.url, pile)  # warms both up
            turns = [(ceiling.images_a_second(), bulk(stack.url, pile)) for _ in range(rounds)]
            alone = single(stack.url, pile)
            beside, rate = under_load(stack.url, pile, big)
    report = Report(
        images=images,
        ceiling_images_a_second=[turn[0] for turn in turns],
        service=[turn[1] for turn in turns],
        single_milliseconds=alone,
        beside_large_job_milliseconds=beside,
        large_job_images_a_second=rate,
    )
    if out is not None:
        out.write_text(report.model_dump_json(indent=1) + "\n")
    _print(report, large)


def _print(report: Report, large: int) -> None:
    rates = [run.images_a_second for run in report.service]
    accepted = [run.accepted_milliseconds for run in report.service]
    print(f"service / ceiling               {report.ratio:.2f}   (medians of {len(rates)} turns)")
    print(f"ceiling, images a second        {statistics.median(report.ceiling_images_a_second):,.0f}")
    print(
        f"service, images a second        {statistics.median(rates):,.0f}   ({report.images:,} PNGs, POST to last row)"
    )
    print(f"202 after the POST began        {statistics.median(accepted):.0f} ms")
    print(f"single image, Prefer: wait      {_spread(report.single_milliseconds)}")
    print(f"beside {large:,} images, done at {report.large_job_images_a_second:,.0f} a second:")
    for what, spread in report.beside_large_job_milliseconds.items():
        print(f"  {what:<29} {_spread(spread)}")


def _spread(milliseconds: dict[str, float]) -> str:
    return "   ".join(f"{name} {value:.1f} ms" for name, value in milliseconds.items())


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
