"""``digitmill up`` with stand-ins: ``python -m tests.embedded.up [worker's behaviour]``."""

import os
import sys
from pathlib import Path

from digitmill.programs import loading

CHOSEN = "UP_REDIS"
"""Names the program of Redis that is to run."""


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def main() -> None:
    with loading():
        from digitmill.embedded.stack import Programs, running_stack
        from digitmill.errors import CannotStart
        from digitmill.settings import Settings
    stand_in = (sys.executable, str(Path(__file__).with_name("stand_ins.py")))
    programs = Programs(worker=(*stand_in, "worker", *sys.argv[1:]), web=(*stand_in, "web"), trainer=None)
    chosen = Path(os.environ[CHOSEN]) if CHOSEN in os.environ else None
    try:
        with running_stack(Settings.load(env_file=None), say, programs, chosen) as stack:
            say(f"ready {stack.url}")
            stack.supervise()
    except KeyboardInterrupt:
        say("stopped")
    except CannotStart as error:
        sys.exit(error.detail)


if __name__ == "__main__":
    main()
