"""Turn labelled pictures of any kind into one .npz file: what ``train --data`` reads fastest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from digitmill.domain.jobs import Polarity
from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from training.pictures.data import CLASSES
from training.pictures.labelled import LABELS, Labelled
from training.pictures.sources import read_labelled

EXAMPLES = 3
"""Names shown for each reason to leave pictures out."""


def prepare(source: Path, output: Path, polarity: Polarity, max_pixels: int) -> Labelled:
    """Write the pictures of ``source`` to ``output``: ``images`` uint8 [n, 28, 28], ``labels`` uint8 [n], and
    ``test`` bool [n], true for those that the source sets apart for testing. The same source gives the same bytes.

    Raises:
        TrainingError: the source cannot be read, or ``output`` is not called .npz.
    """
    if output.suffix != ".npz":
        raise TrainingError(f"{output} must end in .npz, by which `train --data` knows it. Name it so.")
    labelled = read_labelled(source, polarity, max_pixels)
    output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        output,
        images=labelled.digits.images,
        labels=labelled.digits.labels,
        test=labelled.test,
        normaliser=np.uint16(NORMALISER_VERSION),
    )
    return labelled


def tables(labelled: Labelled, source: Path) -> list[Table]:
    """What was kept, by digit, and what was left out, by reason."""
    test = labelled.test
    parts = {"training": ~test, "test": test} if test.any() else {"images": ~test}
    kept = Table("digit", title=f"{source}: kept", title_justify="left")
    for part in parts:
        kept.add_column(part, justify="right")
    counts = [np.bincount(labelled.digits.labels[rows], minlength=len(LABELS)) for rows in parts.values()]
    for row, name in enumerate(LABELS if len(labelled.digits.others) else CLASSES):
        kept.add_row(name, *(f"{count[row]:,}" for count in counts))
    kept.add_section()
    kept.add_row("all", *(f"{count.sum():,}" for count in counts))
    if not labelled.left_out:
        return [kept]
    left_out = Table("reason", "images", "such as", title="left out", title_justify="left")
    left_out.columns[1].justify = "right"
    for reason, names in labelled.left_out.items():
        more = ", …" if len(names) > EXAMPLES else ""
        left_out.add_row(escape(reason), f"{len(names):,}", escape(", ".join(names[:EXAMPLES]) + more))
    return [kept, left_out]
