"""The command line of the training: one verb for each script."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from digitmill.errors import DigitmillError
from digitmill.models.engines.base import Batch
from digitmill.models.registry import BUILT_IN, Registry
from digitmill.settings import Settings
from training.config import Config

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make the models of Digitmill.")

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run: model.keras and manifest.json.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads that the model may use.", show_default="one for each core")]
CORES = os.cpu_count() or 1


@app.command()
def train(
    folder: RunFolder,
    version: Annotated[str, typer.Option(help="Version that the model will be published under.")],
    name: Annotated[str, typer.Option(help="Name that it will be published under.")] = "digits",
    epochs: Annotated[int, typer.Option(min=1)] = Config.model_fields["epochs"].default,
    seed: int = 1,
    threads: Threads = CORES,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished epoch.")] = False,
) -> None:
    """Train a model, or go on with it, and calibrate it."""
    from training.data import load_sources
    from training.train import start

    config = Config(name=name, version=version, epochs=epochs, seed=seed)
    sources = load_sources(Settings.load().data, seed)
    manifest = start(config, sources, folder, threads, resume=resume)
    typer.echo(f"{folder}: temperature {manifest.temperature}, review below {manifest.review_below}")


@app.command()
def evaluate(folder: RunFolder, output: Path | None = None, threads: Threads = CORES) -> None:
    """Measure a model and write metrics.json beside it, or to --output."""
    from digitmill.models.manifest import read_manifest
    from training.data import load_sources
    from training.evaluate import METRICS_FILE, evaluate, table

    sources = load_sources(Settings.load().data, read_manifest(folder).seed)
    typer.echo(table(evaluate(folder, sources, output or folder / METRICS_FILE, threads)))


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
    manifest = publish(folder, registry, _held_out(folder, settings), threads)
    typer.echo(f"{table(manifest)}\n{manifest.label} is published in {url}")


@app.command()
def convert(folder: RunFolder, threads: Threads = CORES) -> None:
    """Convert a model for OpenVINO and compare; `publish` does so by itself."""
    from training.convert import convert_and_compare, table

    typer.echo(table(convert_and_compare(folder, _held_out(folder, Settings.load()), threads)))


def _held_out(folder: Path, settings: Settings) -> Batch:
    from digitmill.models.manifest import read_manifest
    from training.data import joined, load_sources

    sources = load_sources(settings.data, read_manifest(folder).seed)
    return joined([source.validation for source in sources]).images


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        app()
    except DigitmillError as error:
        typer.echo(error.detail, err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
