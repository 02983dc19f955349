"""Import every module of the packages that are named: Python then writes bytecode of what they import, and of no more.

Called while an image is built. What an image leaves out is passed over.
"""

import importlib
import pkgutil
import sys


def main() -> None:
    for package in sys.argv[1:]:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}.", onerror=lambda _: None):
            if not module.name.endswith("__main__"):
                _take(module.name)


def _take(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError as error:
        sys.stderr.write(f"{name} is passed over: {error}\n")


if __name__ == "__main__":
    main()
