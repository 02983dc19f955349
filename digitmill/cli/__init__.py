"""The command line, ``digitmill``: a client of the HTTP service, and the embedded mode that starts one."""

from collections.abc import Sequence

from digitmill.programs import loading


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    with loading():
        from digitmill.cli.app import main as run  # noqa: PLC0415
    return run(arguments)
