"""``digitmill models``: list the models, publish one, and choose which of them jobs get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.exits import Exit
from digitmill.cli.terminal import say
from digitmill.client import Job
from digitmill.errors import BadOptions

NameAndVersion = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="Such as mine@1.")]

LabelOfTrial = Annotated[str | None, typer.Argument(metavar="NAME@VERSION", help="Such as mine@1.")]
TrialShare = Annotated[float, typer.Option(min=0, max=1, help="Share of the jobs.")]
End = Annotated[bool, typer.Option("--end", help="End the trial.")]
Reads = Annotated[str, typer.Option(help="Of the models that read this: digit or number.")]


def register(app: typer.Typer) -> None:
    models = typer.Typer(
        help="List the models, publish one, and choose which of them jobs get.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    models.callback()(list_models)
    for command in (publish, releases, default, canary, shadow, retire):
        models.command()(command)
    models.command("rollback")(roll_back)
    models.command("bring-back")(bring_back)
    app.add_typer(models, name="models")


def list_models(context: typer.Context, url: Url = None, key: Key = None) -> None:
    """List the models.

    A star marks the one that jobs get unless they name another.
    """
    if context.invoked_subcommand is not None:
        return
    with connect(url, key) as client:
        for model in client.models():
            typer.echo(f"{'*' if model.default else ' '} {model.name}@{model.version}")


def publish(
    file: Annotated[Path, typer.Argument(help="A .keras file.", exists=True, dir_okay=False)],
    label: NameAndVersion,
    description: Annotated[str | None, typer.Option(help="What it is, in a sentence.")] = None,
    provenance: Annotated[str | None, typer.Option(help="Who trained it, with what code.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LICENCE", help="A set that it learnt from; may be given again."),
    ] = None,
    card: Annotated[Path | None, typer.Option(help="JSON with more of what is told of it.", exists=True)] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the report.")] = True,
    url: Url = None,
    key: Key = None,
) -> None:
    """Have a model looked at, measured, converted and published, and print the report."""
    told: dict[str, Any] = json.loads(card.read_text()) if card is not None else {}
    told |= _named(label)
    told |= {name: text for name, text in (("description", description), ("provenance", provenance)) if text}
    if data:
        told["data_sets"] = [_data_set(each) for each in data]
    with connect(url, key) as client:
        job = client.publish_model(file, told)
        if not wait:
            typer.echo(job.id)
            return
        say(f"Job {job.id} waits for a trainer.")
        client.wait(job.id)
        job = client.job(job.id)
    if job.error is not None:
        say(f"{job.error.detail} ({job.error.code})")
    if job.report is None:
        raise typer.Exit(Exit.JOB_ENDED)
    typer.echo("\n".join(_lines(job)))


def _named(label: str) -> dict[str, str]:
    name, at, version = label.partition("@")
    if not at:
        raise BadOptions(f"Name the version too: {label}@1.")
    return {"name": name, "version": version}


def _data_set(text: str) -> dict[str, Any]:
    name, equals, licence = text.partition("=")
    if not equals:
        raise BadOptions(f"Write the licence too: {text}=LICENCE.")
    return {"name": name, "licence": licence, "training_images": 0, "validation_images": 0}


def _lines(job: Job) -> list[str]:
    report = job.report or {}
    beside = (report.get("default_figures") or {}).get("reference", {})
    lines = [f"{report['model']} is published. Accepted from {report['review_below']:.4f} on."]
    for name, scores in report["figures"]["reference"].items():
        line = f"{name:<12} {scores['images']:>6,}  read right {scores['accuracy']:>8.2%}"
        line += f"  accepted {scores['coverage']:>8.2%}  wrong of those {scores['accepted_error']:>8.3%}"
        if name in beside:
            line += f"  ({report['default']}: {beside[name]['accuracy']:.2%}, {beside[name]['coverage']:.2%})"
        lines.append(line)
    speeds = ", ".join(f"{way} {speed:,.0f}" for way, speed in report["images_a_second"].items())
    return [*lines, f"Images a second on one core: {speeds}."]


def releases(url: Url = None, key: Key = None) -> None:
    """Tell which models jobs get, how those on trial do, and which were the default before."""
    with connect(url, key) as client:
        typer.echo(json.dumps(client.releases(), indent=1))


def default(label: NameAndVersion, url: Url = None, key: Key = None) -> None:
    """Give a model to jobs that name none; jobs under way keep theirs."""
    with connect(url, key) as client:
        client.set_default_model(label)
    typer.echo(f"{label} is the default.")


def roll_back(reads: Reads = "digit", url: Url = None, key: Key = None) -> None:
    """Make the model the default again that was it before."""
    with connect(url, key) as client:
        typer.echo(f"{client.roll_back_model(reads)['defaults'][reads]} is the default again.")


def canary(
    label: LabelOfTrial = None, share: TrialShare = 0.1, end: End = False, reads: Reads = "digit", url: Url = None,
    key: Key = None,
) -> None:  # fmt: skip
    """Give a model to a share of the jobs that name none, or end that with --end."""
    _try("canary", label, share, reads, url, key, end=end)


def shadow(
    label: LabelOfTrial = None, share: TrialShare = 0.1, end: End = False, reads: Reads = "digit", url: Url = None,
    key: Key = None,
) -> None:  # fmt: skip
    """Let a model answer a share of the jobs too, without counting, or end that with --end."""
    _try("shadow", label, share, reads, url, key, end=end)


def retire(label: NameAndVersion, url: Url = None, key: Key = None) -> None:
    """Let no new job name a model."""
    told = _named(label)
    with connect(url, key) as client:
        client.retire_model(told["name"], told["version"])
    typer.echo(f"{label} is retired.")


def bring_back(label: NameAndVersion, url: Url = None, key: Key = None) -> None:
    """Let jobs name a retired model again."""
    told = _named(label)
    with connect(url, key) as client:
        client.bring_back_model(told["name"], told["version"])
    typer.echo(f"{label} may be named again.")


def _try(
    kind: str, label: str | None, share: float, reads: str, url: str | None, key: str | None, *, end: bool
) -> None:
    if end == (label is not None):
        raise BadOptions("Name the model to try, or write --end to end the trial.")
    with connect(url, key) as client:
        if label is None:
            client.end_trial(kind, reads)
            typer.echo(f"There is no {kind}.")
            return
        client.start_trial(kind, label, share)
    typer.echo(f"{label} is the {kind} of {share:.0%} of the jobs. `digitmill models releases` tells how it does.")
