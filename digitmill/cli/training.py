"""``digitmill training``: have a network trained by the service, follow it, take what it made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.exits import Exit
from digitmill.cli.terminal import say
from digitmill.client import Client, Training

Identifier = Annotated[str, typer.Argument(help="The id of the training.")]


def register(app: typer.Typer) -> None:
    training = typer.Typer(
        help="Train networks on the service, which needs a trainer for that.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for command in (networks, start, improve, follow, show, cancel, save):
        training.command()(command)
    training.command("list")(list_trainings)
    app.add_typer(training, name="training")


def networks(url: Url = None, key: Key = None) -> None:
    """List the networks to begin with."""
    with connect(url, key) as client:
        for each in client.networks():
            typer.echo(
                f"{each['name']:<14}  {each['weights']:>9,} weights  {each['epochs']:>3} epochs  {each['title']}"
            )


def start(
    network: Annotated[str, typer.Argument(help="A name that `networks` lists, or a JSON file with a list of layers.")],
    data: Annotated[
        list[Path] | None, typer.Option(help="A zip of labelled images; may be repeated.", exists=True)
    ] = None,
    job: Annotated[list[str] | None, typer.Option(help="Learn from what people answered in this job.")] = None,
    mnist: Annotated[
        bool | None,
        typer.Option("--mnist/--no-mnist", help="Learn from MNIST.", show_default="unless others are named"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(min=1)] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, adamw or sgd.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0)] = None,
    augmentation: Annotated[
        bool | None, typer.Option("--augmentation/--no-augmentation", help="Draw the digits anew for each epoch.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Learn from so many images at most.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the network; it is then waited for.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Begin a training, and with --out wait for it."""
    wish: dict[str, Any] = {
        "name": name, "mnist": mnist, "epochs": epochs, "batch_size": batch_size, "optimizer": optimizer,
        "learning_rate": learning_rate, "augmentation": augmentation, "images": images, "jobs": job,
        **({"layers": _layers(Path(network))} if network.endswith(".json") else {"architecture": network}),
    }  # fmt: skip
    with connect(url, key) as client:
        begun = client.train(data or (), **{field: value for field, value in wish.items() if value is not None})
        typer.echo(begun.id)
        if out is not None:
            _wait(client, begun.id)
            out.write_bytes(client.trained_model(begun.id))


def improve(
    jobs: Annotated[list[str] | None, typer.Argument(help="Jobs with rows that people answered.")] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="A labelled.zip of such a job; may be repeated.", exists=True)
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called.", show_default="as the default model")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the network.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Go on with the default model of digits by what people answered, wait for it, and tell what it gained.

    Nothing is published: `digitmill models publish` does that with the file.
    """
    wish: dict[str, Any] = {"improve": True, "jobs": jobs or [], **({"name": name} if name is not None else {})}
    with connect(url, key) as client:
        begun = client.train(data or (), **wish)
        say(begun.id)
        _wait(client, begun.id)
        if out is not None:
            out.write_bytes(client.trained_model(begun.id))


def follow(training_id: Identifier, url: Url = None, key: Key = None) -> None:
    """Tell each epoch as it ends, until the training is over."""
    with connect(url, key) as client:
        _wait(client, training_id)


def list_trainings(
    limit: Annotated[int, typer.Option(min=1, help="The most to list.")] = 20, url: Url = None, key: Key = None
) -> None:
    """List your trainings, newest first."""
    with connect(url, key) as client:
        for each in islice(client.trainings(), limit):
            right = f"{each.report['accuracy']:.2%}" if each.report is not None else ""
            typer.echo(f"{each.id}  {each.state:<9}  {len(each.epochs):>3} epochs  {right:>7}  {each.name}".rstrip())


def show(training_id: Identifier, url: Url = None, key: Key = None) -> None:
    """Print everything about a training as JSON."""
    with connect(url, key) as client:
        typer.echo(json.dumps(client.training(training_id).document, indent=1, ensure_ascii=False))


def cancel(training_id: Identifier, url: Url = None, key: Key = None) -> None:
    """Stop a training; its best epoch so far stays."""
    with connect(url, key) as client:
        typer.echo(f"Training {training_id} is {client.cancel_training(training_id).state}.")


def save(training_id: Identifier, out: Path, url: Url = None, key: Key = None) -> None:
    """Write the network of the best epoch so far to a .keras file."""
    with connect(url, key) as client:
        out.write_bytes(client.trained_model(training_id))


def _wait(client: Client, training_id: str) -> None:
    """Raises Exit where it did not come to its end."""
    ended = client.wait_for_training(training_id, on_progress=_tell)
    if ended.state != "completed":
        say(ended.error.detail if ended.error is not None else f"Training {training_id} is {ended.state}.")
        raise typer.Exit(Exit.PROBLEM)
    if ended.improvement is not None:
        typer.echo(improved(ended.improvement))
        return
    report = ended.report or {}
    typer.echo(f"{report['accuracy']:.2%} of {report['images']:,} {report['measured_on']} images are read right.")


SUGGESTIONS = {
    "publish": "Both hold: it may be published.",
    "calibrate": "Rather calibrate: `python -m training calibrate` with the same rows.",
    "keep": "Keep the model as it is.",
}


def improved(found: Mapping[str, Any]) -> str:
    """What an improvement gained, a line for each set of pictures."""
    lines = [
        f"{found['rows']:,} rows of {found['scans']:,} scans, {found['held_out']:,} of them held out to measure by"
    ]
    for when, figures in found["own"].items():
        lines.append(
            f"own rows, {when}: {figures['right']:.2%} right; at 0.2 % wrong {figures['acceptable']:.1%} could be "
            f"accepted ({figures['acceptable_low']:.1%} to {figures['acceptable_high']:.1%}); at the threshold "
            f"{figures['accepted']:.1%} are, {figures['error']['wrong']} of them wrong"
        )
    for name, compared in (("reference pictures", found["reference"]), ("MNIST", found["mnist"] or {})):
        for when, figures in compared.items():
            lines.append(
                f"{name}, {when}: {figures['right']:.2%} right, {figures['accepted']:.1%} accepted, "
                f"{figures['wrong']} of them wrong"
            )
    if "after" in found["own"] and "review_below_before" in found:
        lines.append(
            f"threshold to publish it with: {found['review_below']:.6f}; the model before has "
            f"{found['review_below_before']:.6f}"
        )
    return "\n".join([*lines, SUGGESTIONS[found["suggestion"]]])


def _tell(training: Training) -> None:
    if training.epochs:
        last = training.epochs[-1]
        say(
            f"epoch {last['epoch']} of {training.document['settings']['epochs']}: "
            f"{last['validation_accuracy']:.2%} of the validation images right, loss {last['validation_loss']:.4f}"
        )


def _layers(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{path} is no JSON file: {error}.") from error
