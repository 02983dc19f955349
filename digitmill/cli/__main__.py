"""``python -m digitmill.cli``, for where the command ``digitmill`` is not installed."""

import sys

from digitmill.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
