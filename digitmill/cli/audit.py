"""``digitmill audit``: who did what, out of the logs, as JSON a line."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from digitmill.errors import BadOptions
from digitmill.settings import Settings
from digitmill.system.telemetry import AUDIT

LEFT_OUT = ("event", "level", "logger")
_BEFORE = re.compile(r"[\w.-]+ +\| ")
"""What Compose writes before a line."""
_LINE = re.compile(rf"(\S+) \[info *\] audit +\[{re.escape(AUDIT)}\] (.*)")
_FIELD = re.compile(r"(\w+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S*)")


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Logs of web servers, or - for standard input. Unset: those of `digitmill up` here."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Of then or later: a day (UTC), or a time with its zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Of before that.")] = None,
    action: Annotated[list[str] | None, typer.Option(help="This action alone; may be given again.")] = None,
) -> None:
    """Print who did what, from where, out of the logs: one JSON object a line, in the order of the logs.

    For example: docker compose logs --no-color web | digitmill audit - --since 2026-01-31
    """
    begin, end = (None if said is None else _time(said) for said in (since, until))
    for line in _lines(files):
        found = entry(line)
        if found is None or (action and found.get("action") not in action):
            continue
        at = _time(found["timestamp"])
        if (begin is None or at >= begin) and (end is None or at < end):
            typer.echo(json.dumps(found, ensure_ascii=False))


def entry(line: str) -> dict[str, Any] | None:
    """What a line of a log in either format says, where it is one of the audit."""
    line = line.rstrip("\n")
    if (before := _BEFORE.match(line)) is not None:
        line = line[before.end() :]
    if line.startswith("{"):
        try:
            said = json.loads(line)
        except ValueError:
            return None
        if said.get("event") != "audit" or said.get("logger") != AUDIT:
            return None
        return {"timestamp": said["timestamp"], **{name: said[name] for name in said if name not in LEFT_OUT}}
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    fields = {name: _value(text) for name, text in _FIELD.findall(found[2])}
    return {"timestamp": found[1], **fields}


def _value(text: str) -> Any:
    if text == "None":
        return None
    return ast.literal_eval(text) if text[:1] in ("'", '"') else text


def _lines(files: Iterable[str] | None) -> Iterator[str]:
    if not files:
        logs = Settings.load().var / "logs"
        # the older of them first
        files = [str(path) for path in (logs / "web.log.1", logs / "web.log") if path.exists()]
        if not files:
            raise BadOptions(f"There are no logs of `digitmill up` in {logs}: name those of your web servers, or -.")
    for name in files:
        if name == "-":
            yield from sys.stdin
            continue
        with Path(name).open(encoding="utf-8", errors="replace") as file:
            yield from file


def _time(said: str) -> datetime:
    try:
        time = datetime.fromisoformat(said)
    except ValueError as error:
        raise BadOptions(f"{said} is no day and no time, such as 2026-01-31 or 2026-01-31T09:00Z.") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
