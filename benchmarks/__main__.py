"""How the service does beside its own engine: ``make bench``, or ``python -m benchmarks --help``.

The ceiling is what as many processes of one thread each as there are worker processes make of the same zip without
any service: open it, decode every member, normalise, classify. Both are measured in turns in one run, and ratios come
first, since seconds are this machine's alone. The processor's seconds and Redis' operations per image are counted, so
they hold on a busy machine too.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.curves import draw
from benchmarks.parts import FULL, MILLION, QUICK, Run
from benchmarks.report import Figures, lines
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.outcomes import outcomes
from digitmill.errors import DigitmillError


class Part(StrEnum):
    BULK = "bulk"
    ENGINES = "engines"
    SINGLES = "singles"
    BESIDE = "beside"
    OVERLOAD = "overload"
    GROWTH = "growth"
    WORKERS = "workers"
    STEPS = "steps"
    SCALING = "scaling"


def main(
    parts: Annotated[list[Part] | None, typer.Argument(help="What to measure; everything unless named.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes, to see that every part runs.")] = False,
    million: Annotated[bool, typer.Option("--million", help="Let the growing job grow to 1,000,000 images.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for benchmark.json, and benchmark.png if both its curves were measured.")
    ] = None,
) -> None:
    """Measure piles against the in-process ceiling, every engine in process, single images, small requests beside a
    large job, four times the load that can be carried, the cost of an image as jobs grow and of what is asked of them
    when they are done, one worker process against one for each core, the steps of a worker process; and simulate
    hundreds of workers at one Redis."""
    sizes = QUICK if quick else FULL
    if million:
        sizes = replace(sizes, growth=(*sizes.growth, MILLION))
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="digitmill-bench-") as folder:
        run = Run(Path(folder), sizes, _say)
        steps = {
            Part.BULK: run.bulk,
            Part.ENGINES: run.engines,
            Part.SINGLES: run.singles,
            Part.BESIDE: run.beside,
            Part.OVERLOAD: run.overload,
            Part.GROWTH: run.growth,
            Part.WORKERS: run.workers,
            Part.STEPS: run.steps,
            Part.SCALING: _simulate,
        }
        for part in parts or list(Part):
            steps[part](figures)
    print("\n".join(lines(figures)))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "benchmark.json").write_text(figures.model_dump_json(indent=1) + "\n")
        draw(figures, out / "benchmark.png")


def _simulate(figures: Figures) -> None:
    """With the costs of Redis that are kept; ``python -m benchmarks.scaling`` measures them again."""
    figures.scaling = outcomes(Costs.read(), _say)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    try:
        typer.run(main)
    except DigitmillError as error:
        sys.exit(error.detail)
