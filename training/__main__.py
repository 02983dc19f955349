"""The command line of the training: one verb for each script."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import rich
import typer
from rich.logging import RichHandler

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGIT, NUMBER
from digitmill.errors import DigitmillError, TrainingError
from digitmill.models.manifest import read_manifest
from digitmill.models.registry import BUILT_IN, Registry
from digitmill.settings import PrecisionName, Settings
from training.config import Config, read_config
from training.forms import commands as form_commands
from training.forms.commands import console
from training.learning.recipes import RECIPES, configured
from training.pictures.data import Digits, Images
from training.strips import commands as strip_commands

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make the models of Digitmill.")

form_commands.register(app)
strip_commands.register(app)

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run: model.keras and manifest.json.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads that the model may use.", show_default="one for each core")]
CORES = os.cpu_count() or 1


@app.command()
def train(
    folder: Annotated[Path, typer.Argument(help="New folder for the run.")],
    architecture: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(RECIPES)}, or a .json file of layers.", show_default="compact"),
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version that the model will be published under.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name that it will be published under.", show_default="by architecture")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A further source of labelled pictures, as `prepare` takes them; may be given again."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, show_default="by recipe")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, show_default="by recipe")] = None,
    learning_rate: Annotated[float | None, typer.Option(show_default="by recipe")] = None,
    augmented: Annotated[
        bool | None,
        typer.Option("--augment/--no-augment", help="Draw the digits as scanners see them.", show_default="by recipe"),
    ] = None,
    non_digits: Annotated[
        float | None,
        typer.Option(help="Pictures of no digit for each digit; 0 leaves out that class.", show_default="by recipe"),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="A data set to keep for testing alone; may be given again."),
    ] = None,
    begin_with: Annotated[
        Path | None, typer.Option(help="The folder of a run whose weights to take up: to go on with other data.")
    ] = None,
    box_forms: Annotated[int | None, typer.Option(help="Drawn forms to learn boxes of.", show_default="0")] = None,
    seed: Annotated[int | None, typer.Option(show_default="1")] = None,
    threads: Threads = CORES,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished epoch.")] = False,
) -> None:
    """Train a model, or go on with it, and calibrate it."""
    from training.learning.train import start
    from training.pictures.sources import sources_of

    given = {
        "version": version,
        "name": name,
        "data": tuple(map(str, data)) if data else None,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "augmented": augmented,
        "non_digits": non_digits,
        "left_out": tuple(leave_out) if leave_out else None,
        "begin_with": str(begin_with) if begin_with else None,
        "box_forms": box_forms,
        "seed": seed,
    }
    options = {option: value for option, value in given.items() if value is not None}
    config = _resumed(folder, architecture, options) if resume else _new(architecture, options)
    manifest = start(config, sources_of(config, Settings.load()), folder, threads, resume=resume)
    typer.echo(f"{folder}: temperature {manifest.temperature}, review below {manifest.review_below}")


@app.command()
def evaluate(folder: RunFolder, output: Path | None = None, threads: Threads = CORES) -> None:
    """Measure a model and write metrics.json beside it, or to --output."""
    from training.measuring.evaluate import METRICS_FILE, evaluate, table
    from training.pictures.sources import sources_of

    config, settings = _config_of(folder), Settings.load()
    sources = sources_of(config, settings)
    report = evaluate(folder, config, sources, output or folder / METRICS_FILE, threads, _strangers(settings))
    typer.echo(table(report))


@app.command()
def predict(
    files: Annotated[list[Path], typer.Argument(help="Images, zips, and folders of them.")],
    model: Annotated[
        str | None,
        typer.Option(help="name, name@version, or the folder of a run.", show_default="the service's default"),
    ] = None,
    threads: Threads = CORES,
) -> None:
    """Read image files the way the service does, and print digit, confidence and status."""
    from training.measuring.predict import chosen, predict, table

    settings = Settings.load()
    opened = chosen(model, _registry(settings), settings, threads)
    console().print(table(predict(files, opened, settings), f"{opened.manifest.label} on {opened.engine.name}"))


@app.command()
def numbers(
    folder: Annotated[Path, typer.Argument(help="New folder for the run.")],
    version: Annotated[str, typer.Option(help="Version that the model will be published under.")],
    begin_with: Annotated[
        Path | None, typer.Option(help="The folder of a model of digits or numbers.", show_default="built-in digits")
    ] = None,
    strips: Annotated[int, typer.Option(min=60, help="Strips to learn from.")] = 8000,
    epochs: Annotated[int, typer.Option(min=1)] = 4,
    seed: int = 1,
    threads: Threads = CORES,
) -> None:
    """Make a model that reads numbers, measured and converted for OpenVINO; `publish` takes its folder."""
    from training.strips.make import Plan, make
    from training.strips.measure import table_of

    settings = Settings.load()
    begun = begin_with or BUILT_IN / "digits" / Registry(BUILT_IN.as_uri(), settings.var).default().version
    plan = Plan(version=version, begin_with=begun, strips=strips, epochs=epochs, seed=seed)
    manifest, found = make(plan, settings.data, folder, threads)
    console().print(table_of(found))
    typer.echo(f"{manifest.label}: review below {manifest.review_below}")


@app.command()
def metamorphic(
    model: Annotated[
        str | None,
        typer.Option(help="name, name@version, or the folder of a run.", show_default="the service's default"),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Changed pictures to ask about, at most.")] = 500_000,
    kinds: Annotated[
        int, typer.Option(min=0, help="Instead, so many pictures of each kind of what is not one digit.")
    ] = 0,
    seed: int = 1,
    report: Annotated[Path | None, typer.Option(help="A JSON file for the counts.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="A folder for contact sheets of the worst.")] = None,
    threads: Threads = 1,
) -> None:
    """Measure how answers change with the way in which a picture was cut, scaled, lit, stored or turned."""
    from training.metamorphic.run import Run, run_kinds, run_pairs

    settings = Settings.load()
    run = Run(model, seed, report, pictures, threads)
    registry = _registry(settings)
    typer.echo(run_kinds(run, settings, registry, kinds) if kinds else run_pairs(run, settings, registry, pairs))


@app.command()
def report(folder: RunFolder, threads: Threads = CORES) -> None:
    """Write a run's figures, pictures and model card into its folder."""
    from training.pictures.sources import sources_of
    from training.reports.report import report

    config, settings = _config_of(folder), Settings.load()
    for path in report(folder, config, sources_of(config, settings), threads, _strangers(settings)):
        typer.echo(path)


@app.command()
def publish(
    folder: RunFolder,
    built_in: Annotated[bool, typer.Option("--built-in", help="Into the package, to be shipped.")] = False,
    threads: Threads = CORES,
) -> None:
    """Publish a measured model, converted for OpenVINO too, to the models folder of the settings."""
    from training.convert import table
    from training.publish import publish

    settings = Settings.load()
    url = BUILT_IN.as_uri() if built_in else settings.published_models
    registry = Registry(url, settings.var / "cache" / "models")
    draft = read_manifest(folder)
    if draft.reads == NUMBER:
        # it was measured and converted when it was made
        registry.publish(draft, folder)
        typer.echo(f"{draft.label} is published in {url}")
        return
    manifest = publish(folder, registry, _held_out(folder, settings), threads)
    typer.echo(f"{table(manifest)}\n{manifest.label} is published in {url}")


@app.command()
def convert(folder: RunFolder, threads: Threads = CORES) -> None:
    """Convert a model for OpenVINO and compare; `publish` does so by itself."""
    from training.convert import convert_and_compare, table

    typer.echo(table(convert_and_compare(folder, _held_out(folder, Settings.load()), threads)))


@app.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="A folder per digit, a folder with labels.csv, IDX files, .npz.")],
    out: Annotated[Path, typer.Option(help="The .npz file to write.")],
    polarity: Annotated[Polarity, typer.Option(help="How the ink stands on the paper.")] = Polarity.AUTO,
) -> None:
    """Turn labelled pictures into one .npz file for `train --data`, and say what was left out and why."""
    from training.pictures.prepare import prepare, tables

    labelled = prepare(source, out, polarity, Settings.load().max_image_pixels)
    for each in tables(labelled, source):
        console().print(each)


@app.command()
def calibrate(
    data: Annotated[Path, typer.Option(help="The labelled.zip of a job, or any source that `prepare` takes.")],
    name: Annotated[
        str | None,
        typer.Option(help="Publish under this name, which jobs then give.", show_default="nothing is published"),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="name or name@version.", show_default="the service's default")
    ] = None,
    error: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Share of the accepted rows that may be wrong.")
    ] = 0.001,
    threads: Threads = CORES,
) -> None:
    """Find temperature and threshold for scans of one kind, and the error that they let through."""
    from training.measuring.calibrate import calibration_of, read_rows, table
    from training.measuring.predict import chosen

    # in f32, whatever the workers compute in: others are exact only where the model's own threshold lies
    settings = Settings.load().model_copy(update={"precision": PrecisionName.F32})
    registry = _registry(settings)
    opened = chosen(registry.resolve(model).label, registry, settings, threads)
    if opened.manifest.reads != DIGIT:
        raise TrainingError(f"{opened.manifest.label} reads {opened.manifest.reads}s. Name a model of digits.")
    rows, left_out = read_rows(data, opened, settings.max_image_pixels)
    found = calibration_of(rows, opened.manifest, name or "unnamed", error)
    typer.echo(table(rows, left_out, opened.manifest, found))
    if name is not None:
        registry.calibrations.publish(opened.manifest, found)
        typer.echo(f"Jobs of {opened.manifest.label} may name the calibration {name} now.")


@app.command()
def unseen(
    folder: Annotated[Path, typer.Argument(help="New folder for the runs.")],
    look: Annotated[list[str] | None, typer.Option(help="dotted or coarse.", show_default="both")] = None,
    threads: Threads = CORES,
) -> None:
    """Measure what 500 corrected rows of a source gain that the default model has not seen."""
    from training.measuring.unseen import LOOKS, unseen

    settings = Settings.load()
    for each in look or LOOKS:
        found = unseen(each, settings, _registry(settings), folder / each, threads)
        typer.echo(json.dumps({"look": each, **found}, indent=1))


def _new(architecture: str | None, options: dict[str, Any]) -> Config:
    if "version" not in options:
        raise TrainingError("A new run needs a version to be published under. Add, say, --version 2.")
    from training.learning.arithmetic import quickest

    config = configured(architecture or "compact", options)
    return config.model_copy(update={"arithmetic": quickest()}) if config.arithmetic != "float32" else config


def _resumed(folder: Path, architecture: str | None, options: dict[str, Any]) -> Config:
    """What the run began with; what is given again must say the same, which ``start`` checks."""
    config = read_config(folder)
    if config is None:
        raise TrainingError(f"{folder} holds no run to resume. Name its folder, or begin it without --resume.")
    named = {"architecture": Path(architecture).stem} if architecture else {}
    return config.model_copy(update=options | named)


def _config_of(folder: Path) -> Config:
    """The configuration of the run in ``folder``; of a published model what its manifest says of it."""
    config = read_config(folder)
    if config is not None:
        return config
    manifest = read_manifest(folder)
    return Config(name=manifest.name, version=manifest.version, seed=manifest.seed)


def _strangers(settings: Settings) -> dict[str, Images]:
    """Pictures of what is no digit, from real forms, where the data folder has them."""
    from training.measuring.out_of_distribution import strangers

    return strangers(settings.data) if settings.data is not None else {}


def _held_out(folder: Path, settings: Settings) -> Digits:
    from training.pictures.data import joined
    from training.pictures.sources import sources_of

    return joined([source.validation for source in sources_of(_config_of(folder), settings)])


def _registry(settings: Settings) -> Registry:
    return Registry(settings.published_models, settings.var / "cache" / "models")


def _speak() -> None:
    """Send log lines to standard error, past the bars where it is a terminal."""
    rich.reconfigure(stderr=True)
    console = rich.get_console()
    if console.is_terminal:
        handler = RichHandler(console=console, show_level=False, show_path=False, log_time_format="%X")
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


def main() -> int:
    _speak()
    try:
        app()
    except DigitmillError as error:
        typer.echo(error.detail, err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
