"""The verbs of the training's command line that are about form pages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import rich
import typer
from rich.console import Console
from rich.progress import track

from digitmill.errors import TrainingError
from digitmill.forms.certainty import USUAL
from digitmill.models.manifest import MANIFEST_FILE
from digitmill.settings import Settings

PROOF_STEP = 100
PIPE_WIDTH = 200
"""Columns of a table that does not go to a terminal."""

ModelName = Annotated[
    str | None,
    typer.Option(help="name, name@version, or the folder of a run.", show_default="the service's default"),
]


def register(app: typer.Typer) -> None:
    for command in (forms, fields, certainty):
        app.command()(command)
    app.command("page-speed")(page_speed)
    app.command("real-forms")(real_forms)


def forms(
    pages: Annotated[int, typer.Option(min=1, help="Drawn pages.")] = 90,
    seed: int = 1,
    templates: Annotated[int, typer.Option(min=1, help="Forms to choose from.")] = 20,
) -> None:
    """Draw forms, capture them as scanners and phones do, and measure how well their boxes are found."""
    from training.forms.measure import measured  # noqa: PLC0415

    numbers = track(range(pages), "registering", console=rich.get_console())
    console().print(measured(numbers, seed, templates))


def fields(
    model: ModelName = None,
    pages: Annotated[int, typer.Option(min=1, help="Drawn pages.")] = 90,
    seed: int = 1,
    templates: Annotated[int, typer.Option(min=1, help="Forms that they are of, in turn.")] = 20,
) -> None:
    """Fill drawn forms in with validation digits, capture them, and measure how well their fields are read."""
    _one_thread()
    from training.forms.reading import measured, measuring_digits, models  # noqa: PLC0415

    settings = Settings.load()
    numbers = track(range(pages), "reading", console=rich.get_console())
    console().print(measured(numbers, seed, models(model, settings), measuring_digits(settings.data), templates))


def certainty(
    model: ModelName = None,
    pages: Annotated[int, typer.Option(min=1, help="Drawn pages to fit, and as many to prove it on.")] = 324,
    seed: Annotated[int, typer.Option(help="Of the pages to fit; those to prove it on have one 100 higher.")] = 701,
    templates: Annotated[int, typer.Option(min=1, help="Forms that they are of, in turn.")] = 36,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write it into the manifest of the run that --model names.")
    ] = False,
) -> None:
    """Fit how sure the numbers of form pages are, by their boxes and their strip, and prove it on other pages."""
    if keep and (model is None or not Path(model).is_dir()):
        raise TrainingError("Only a run that is not published is given new weights. Name its folder by --model.")
    _one_thread()
    from training.forms.certainty import gathered, looks_of, report  # noqa: PLC0415
    from training.forms.reading import fitting_digits, models  # noqa: PLC0415

    settings = Settings.load()
    both, hands = models(model, settings), fitting_digits(settings.data)
    samples = [
        gathered(track(range(pages), what, console=rich.get_console()), seed + step, both, hands, templates)
        for what, step in (("fitting", 0), ("proving", PROOF_STEP))
    ]
    for line in report(both.digits.looks or USUAL, *samples):
        typer.echo(line)
    if keep:
        manifest = both.digits.manifest.model_copy(update={"looks": looks_of(*samples)})
        (Path(str(model)) / MANIFEST_FILE).write_text(manifest.to_json())


def real_forms(model: ModelName = None, seed: int = 1) -> None:
    """Read the real pages of the data folder, as they are and captured once more, and measure how well."""
    _one_thread()
    from training.forms.reading import models  # noqa: PLC0415
    from training.forms.real import measured  # noqa: PLC0415

    settings = Settings.load()
    if settings.data is None or not (settings.data / "forms").is_dir():
        raise TrainingError("There are no real forms. Point DIGITMILL_DATA at a folder that has forms/.")
    console().print(measured(settings.data / "forms", models(model, settings), seed))


def page_speed(
    model: ModelName = None,
    times: Annotated[int, typer.Option(min=1, help="Runs, of which the median is told.")] = 9,
    seed: int = 1,
) -> None:
    """Measure the time of a worker for a page: A4 at 300 dots per inch, 50 boxes, a JPEG, from its bytes to its row."""
    _one_thread()
    from training.forms.reading import measuring_digits, models  # noqa: PLC0415
    from training.forms.speed import measured  # noqa: PLC0415

    settings = Settings.load()
    console().print(measured(seed, times, models(model, settings), measuring_digits(settings.data)))


def _one_thread() -> None:
    """As workers have it: more threads of NumPy's library spin while they wait, which would be counted."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def console() -> Console:
    """For tables, on standard output."""
    found = Console()
    if not found.is_terminal:
        found.width = PIPE_WIDTH
    return found
