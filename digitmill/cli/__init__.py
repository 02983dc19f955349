"""The command line, ``digitmill``: a client of the HTTP service, and the embedded mode that starts one."""

from digitmill.cli.app import app, main

__all__ = ["app", "main"]
