"""``python -m digitmill.cli``, for where the command ``digitmill`` is not installed."""

import sys

from digitmill.cli import main

if __name__ == "__main__":
    sys.exit(main())
