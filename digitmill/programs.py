"""Where the programs are: the packages web, worker and training, and the samples.

A checkout has them at its top, a wheel beneath ``digitmill_programs``, so that packages of such common names are in
nobody's way. They import one another by their short names: who runs one has this folder on the path of its modules.
"""

from __future__ import annotations

import gc
import os
import runpy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import digitmill

BENEATH = "digitmill_programs"
PATH = "PYTHONPATH"


def folder() -> Path:
    """The folder that holds the programs."""
    beside = Path(digitmill.__file__).resolve().parents[1]
    return beside / BENEATH if (beside / BENEATH).is_dir() else beside


def environment(others: Mapping[str, str]) -> dict[str, str]:
    """These variables, by which a new Python process finds the programs too."""
    path = others.get(PATH)
    return {**others, PATH: os.pathsep.join([str(folder()), *([path] if path else [])])}


@contextmanager
def loading() -> Iterator[None]:
    """Imports that a program begins with. To look among them for garbage takes a third of its start, and finds hardly
    any: all of it stays."""
    known = len(sys.modules)
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        if collects:
            gc.enable()


def web() -> None:
    _run("web")


def worker() -> None:
    _run("worker")


def training() -> None:
    _run("training")


def _run(name: str) -> None:
    """As ``python -m`` does, for the commands that a wheel installs."""
    os.environ.update(environment(os.environ))
    sys.path.insert(0, str(folder()))
    runpy.run_module(name, run_name="__main__", alter_sys=True)
