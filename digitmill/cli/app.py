"""The commands put together, and every failure as one plain sentence with an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import stamina.instrumentation
import typer
from pydantic import ValidationError

from digitmill.cli import (
    audit,
    backup,
    doctor,
    jobs,
    keys,
    models,
    pages,
    printing,
    results,
    review,
    service,
    submit,
    template,
    training,
    tune,
    webhooks,
)
from digitmill.cli.exits import EXITS, Exit
from digitmill.cli.terminal import say
from digitmill.client import Busy, ClientError, Unauthorized
from digitmill.errors import DigitmillError
from digitmill.faults import faults_of, in_words

app = typer.Typer(
    name="digitmill",
    help=f"Piles of scanned handwriting into data: digits, numbers and form pages in, a row per image out.\n\n{EXITS}",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    submit,
    results,
    pages,
    review,
    jobs,
    webhooks,
    models,
    template,
    training,
    printing,
    keys,
    service,
    doctor,
    backup,
    audit,
    tune,
):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    stamina.instrumentation.set_on_retry_hooks([_say_retry])
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except typer.TyperException as error:
        say(_sentence(error))
    except Unauthorized as error:
        say(f"{error.detail} Here that is DIGITMILL_KEY, or --key.")
    except (ClientError, DigitmillError) as error:
        say(error.detail)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "digitmill":
            raise
        say(f"This command needs {error.name}, which is not installed here: pip install 'digitmill[service]'.")
    except BrokenPipeError:
        # whoever read our output has had enough; nothing is left to write, at the interpreter's end neither
        sys.stdout = None
    except OSError as error:
        say(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")
    return Exit.PROBLEM


def _sentence(error: typer.TyperException) -> str:
    """Typer has pydantic parse what was typed, and says what that says."""
    if isinstance(error, typer.BadParameter) and isinstance(error.__cause__, ValidationError):
        error.message = in_words(faults_of(error.__cause__)[0])
    return error.format_message()


def _say_retry(details: stamina.instrumentation.RetryDetails) -> None:
    cause = details.caused_by
    what = cause.detail if isinstance(cause, Busy) else "The service does not answer."
    say(f"{what} Trying again in {details.wait_for:.1f} s.")
