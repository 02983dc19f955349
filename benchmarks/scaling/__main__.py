"""``python -m benchmarks.scaling`` measures the costs again, simulates, and keeps both; ``--kept`` simulates alone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from benchmarks.page import OUTCOMES, simulated
from benchmarks.scaling.costs import FILE, Costs
from benchmarks.scaling.outcomes import Outcome, outcomes


def main(
    kept: Annotated[bool, typer.Option("--kept", help="Measure nothing: go by the costs that are kept.")] = False,
) -> None:
    """What the service asks of Redis, and many workers at one Redis, simulated with it."""
    if not kept:
        # measuring loads a model and its framework
        from benchmarks.scaling.engines import measure  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="digitmill-bench-") as folder:
            FILE.write_text(measure(Path(folder), _say).model_dump_json(indent=1) + "\n")
    found = outcomes(Costs.read(), _say)
    OUTCOMES.write_bytes(TypeAdapter(list[Outcome]).dump_json(found, indent=1) + b"\n")
    print(simulated(found))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
