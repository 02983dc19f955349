"""``digitmill doctor``: what is stuck, why, and what would mend it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer

from digitmill.cli.exits import Exit
from digitmill.cli.local import private_redis
from digitmill.cli.terminal import printable
from digitmill.doctor.findings import Code, Examination, Finding
from digitmill.errors import SettingsError, StorageUnavailable
from digitmill.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one JSON document.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend counters and lists that differ from the jobs, before looking.")
    ] = False,
) -> None:
    """Say what is stuck in the service, why, and what would mend it.

    Looks at the service that this machine's settings name, and changes nothing unless told to repair.

    Exit status 0: healthy; 1: something is wrong.
    """
    found, mended = _examined(repair=repair)
    folder = _folder()
    document = _document(found) | ({"mended": mended} if repair else {}) | ({"folder": folder} if folder else {})
    lines = [*([_mended(mended)] if repair else []), *([_made_with(folder)] if folder else []), *_lines(found)]
    typer.echo(json.dumps(document, indent=2) if as_json else "\n".join(lines))
    raise typer.Exit(Exit.DONE if found.healthy else Exit.PROBLEM)


def _examined(*, repair: bool) -> tuple[Examination, Mapping[str, int]]:
    """What was found, and what was mended before."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        return Examination([_bad_settings(error)]), {}
    url = settings.redis_url or private_redis(settings)
    if url is None:
        return Examination([_no_service(settings)]), {}
    # Redis' client and Celery are needed here alone
    from digitmill.doctor import examination  # noqa: PLC0415

    settings = settings.model_copy(update={"redis_url": url})
    mended: Mapping[str, int] = {}
    try:
        if repair:
            with suppress(StorageUnavailable):  # the examination tells what is away, and why
                mended = examination.repair(settings)
        return examination.examine(settings), mended
    except SettingsError as error:
        return Examination([_bad_settings(error)]), mended


def _folder() -> dict[str, Any] | None:
    """Which Redis made the data in the folder of `digitmill up`, and which of this machine read it; None where there is
    none that goes by versions."""
    # Redis' client is needed here alone
    from digitmill.embedded.redis_server import made_with  # noqa: PLC0415

    try:
        folder = Settings.load().var / "redis"
        found = made_with(folder)
    except (SettingsError, OSError):
        # what is wrong with them is found elsewhere
        return None
    if found is None:
        return None
    programs = [
        {"path": path, "version": str(version or "unknown"), "reads": reads} for path, version, reads in found[1]
    ]
    return {"path": str(folder), "made_by": str(found[0]), "programs": programs}


def _made_with(folder: Mapping[str, Any]) -> str:
    programs = [
        f"{each['version']} ({each['path']}) {'reads' if each['reads'] else 'cannot read'} it"
        for each in folder["programs"]
    ]
    here = "; ".join(programs) or "there is no Redis on this machine"
    return printable(f"The data in {folder['path']} was made by {folder['made_by']}: {here}.")


def _mended(mended: Mapping[str, int]) -> str:
    told = ", ".join(f"{what} {times} times" for what, times in mended.items())
    return f"Mended: {told}." if told else "There was nothing to mend."


def _bad_settings(error: SettingsError) -> Finding:
    return Finding(
        code=Code.BAD_SETTINGS,
        what="The settings cannot be used.",
        why=error.detail,
        mend="Mend them in the environment or in the file .env; docs/settings.md lists all.",
    )


def _no_service(settings: Settings) -> Finding:
    return Finding(
        code=Code.NO_SERVICE,
        what=f"No service runs on the folder {settings.var.absolute()}.",
        why="Its own Redis does not run, and DIGITMILL_REDIS_URL names no other.",
        mend="Start it with `digitmill up`, or set DIGITMILL_REDIS_URL, or DIGITMILL_VAR to the folder of the service.",
    )


def _document(found: Examination) -> dict[str, Any]:
    findings = [asdict(finding) for finding in found.findings]
    return {"healthy": found.healthy, "findings": findings, "facts": found.facts}


def _lines(found: Examination) -> list[str]:
    lines = _facts(found.facts) if found.facts else []
    for finding in sorted(found.findings, key=lambda finding: not finding.wrong):
        lines += [
            f"{'WRONG' if finding.wrong else 'note '}  {finding.code}: {printable(finding.what)}",
            f"       Why: {printable(finding.why)}",
            f"       To mend it: {printable(finding.mend)}",
        ]
    wrong = sum(finding.wrong for finding in found.findings)
    return [
        *lines,
        "Nothing is wrong." if found.healthy else f"{wrong} things are wrong." if wrong > 1 else "One thing is wrong.",
    ]


def _facts(facts: Any) -> list[str]:
    redis, alive = facts["redis"], [worker for worker in facts["workers"] if worker["silent_seconds"] < 30]
    memory = f"{redis['used_memory'] / 1e6:,.1f} MB used"
    most = f" of {redis['most_memory'] / 1e6:,.0f} MB" if redis["most_memory"] else ""
    kinds = ", ".join(sorted({f"{worker['model']} on {worker['engine']} {worker['precision']}" for worker in alive}))
    waiting = ", ".join(f"{count:,} in {name}" for name, count in facts["waiting"].items())
    return [
        f"Redis {redis['version']}, {memory}{most}, clock {redis['clock_ahead']:+.3f} s.",
        f"Worker processes alive: {len(alive)}{f', {kinds}' if kinds else ''}.",
        f"{facts['queued_images']:,} images wait for their rows; for a worker wait: {waiting}.",
    ]
