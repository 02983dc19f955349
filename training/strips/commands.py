"""The verbs of the training's command line that measure how strips are read, and fit how sure that is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from digitmill.domain.rows import NUMBER
from digitmill.errors import TrainingError
from digitmill.models.manifest import MANIFEST_FILE
from digitmill.models.registry import BUILT_IN, Registry
from digitmill.settings import Settings
from training.forms.commands import ModelName, console

Threads = Annotated[int, typer.Option(min=1, help="Threads that the model may use.", show_default="one for each core")]
CORES = os.cpu_count() or 1


def register(app: typer.Typer) -> None:
    app.command()(strips)
    app.command("certain-strips")(certain_strips)
    app.command("sequence")(sequence)


def strips(
    model: ModelName = None,
    count: Annotated[int, typer.Option("--strips", min=1, help="Strings of digits to draw.")] = 1000,
    seed: int = 1,
    threads: Threads = CORES,
) -> None:
    """Measure how numbers are read: strings composed of test digits by the way they are written, and real fields."""
    import numpy as np  # noqa: PLC0415

    from training.measuring.predict import chosen  # noqa: PLC0415
    from training.strips.foreign import ForeignComposer  # noqa: PLC0415
    from training.strips.hands import material  # noqa: PLC0415
    from training.strips.measure import composed, outcomes, real_fields, seen, table_of  # noqa: PLC0415

    settings = Settings.load()
    registry = registry_of(settings)
    opened = chosen(model or registry.default(NUMBER).label, registry, settings, threads)
    hands = material(settings.data, opened.manifest.seed).test
    drawn = composed(hands, count, np.random.default_rng(seed))
    console().print(table_of(outcomes(seen(drawn, opened), opened)))
    composer, random = ForeignComposer(hands), np.random.default_rng((seed, 1))
    foreign = outcomes(seen([composer.draw(random) for _ in range(-(-count // 4))], opened), opened)
    wrong = sum(each.accepted and not each.right for each in foreign)
    typer.echo(f"Pictures that are not one number: {wrong} of {len(foreign)} accepted with a number that is not there.")
    real = real_fields(settings.data) if settings.data is not None else []
    if real:
        console().print(table_of(outcomes(seen(real, opened), opened)))


def certain_strips(
    model: Annotated[str, typer.Option(help="name@version, or the folder of a run.")],
    count: Annotated[int, typer.Option("--strips", min=100, help="Strings of digits of unseen hands.")] = 8000,
    tested: Annotated[int, typer.Option(min=1, help="Strings of test digits, looked at last.")] = 4000,
    seed: int = 1,
    keep: Annotated[
        str | None, typer.Option(help="Write it into the manifest of the run that --model names, as this version.")
    ] = None,
    threads: Threads = CORES,
) -> None:
    """Fit how sure a model of numbers is of strips, and its threshold, on hands that it never saw; measure it."""
    import numpy as np  # noqa: PLC0415

    from training.measuring.predict import chosen  # noqa: PLC0415
    from training.strips.hands import material  # noqa: PLC0415
    from training.strips.make import Counts, settled  # noqa: PLC0415
    from training.strips.measure import table_of  # noqa: PLC0415

    if keep is not None and not Path(model).is_dir():
        raise TrainingError("Only a run that is not published is given new weights. Name its folder by --model.")
    settings = Settings.load()
    opened = chosen(model, registry_of(settings), settings, threads)
    hands, random = material(settings.data, opened.manifest.seed), np.random.default_rng((seed, 5))
    counts = Counts(calibrated=count, tested=tested)
    manifest, found = settled(opened, hands, settings.data, random, counts)
    console().print(table_of(found))
    typer.echo(f"review below {manifest.review_below}; unseen hands: {manifest.metrics.validation}")
    if keep is not None:
        kept = manifest.model_copy(update={"version": keep})
        (Path(model) / MANIFEST_FILE).write_text(kept.to_json())


def sequence(
    folder: Annotated[Path, typer.Argument(help="New folder for the run.")],
    version: Annotated[str, typer.Option(help="Version that the model will be published under.")],
    begin_with: Annotated[
        Path | None, typer.Option(help="The folder of a model of numbers.", show_default="built-in numbers")
    ] = None,
    count: Annotated[int, typer.Option("--strips", min=100, help="Strips to learn from.")] = 72_000,
    epochs: Annotated[int, typer.Option(min=1)] = 4,
    seed: int = 1,
    threads: Threads = CORES,
) -> None:
    """Give a model of numbers a network that reads strips as one sequence, beside its lattice; measure both."""
    from training.strips.measure import table_of  # noqa: PLC0415
    from training.strips.sequence_make import SequencePlan, make_sequence  # noqa: PLC0415

    settings = Settings.load()
    former = registry_of(settings).default(NUMBER)
    begun = begin_with or BUILT_IN / former.name / former.version
    plan = SequencePlan(version=version, begin_with=begun, strips=count, epochs=epochs, seed=seed)
    manifest, found = make_sequence(plan, settings.data, folder, threads)
    console().print(table_of(found))
    typer.echo(f"{folder}: review below {manifest.review_below}")


def registry_of(settings: Settings) -> Registry:
    return Registry(settings.published_models, settings.var / "cache" / "models")
