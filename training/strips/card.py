"""``MODEL_CARD.md`` of a model of numbers: what it is, what it was made from and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digitmill.models.manifest import Manifest

CARD_FILE = "MODEL_CARD.md"


def card(manifest: Manifest, plan: Mapping[str, Any]) -> str:
    """The card as Markdown. ``plan`` is what decided the run, by the names of ``make.Plan``."""
    network = manifest.architecture
    sets = "\n".join(
        f"| {each.name} | {each.training_images:,} | {each.validation_images:,} | {each.licence} |"
        for each in manifest.data_sets
    )
    scores = "\n".join(
        f"| {name}, {part} | {each.images:,} | {each.accuracy:.2%} | {each.coverage:.2%} | {each.accepted_error:.2%} "
        f"| {each.calibration_error:.2%} |"
        for part, figures in (("validation", manifest.metrics.validation), ("test", manifest.metrics.test))
        for name, each in figures.items()
    )
    return f"""# {manifest.label}

Reads a strip of 1 to 32 handwritten digits. It says of each group of neighbouring pieces of ink which digit it is, or a
point, a dash, a sign, a part of a character or several; a lattice over the pieces makes a number of its answers
(`digitmill/strips/lattice.py`).{_sequence(manifest)}

{network.description} {network.parameters:,} weights, {network.multiply_adds:,} multiply-adds a group, \
{manifest.size:,} bytes, sha256 `{manifest.sha256}`. Numbers below {manifest.review_below} are set aside for a person.

## How it was made

{_made(manifest, plan)} Confidence and threshold were fitted on {plan["calibrated"]:,} \
strips of hands that no network learnt from; {plan["tested"]:,} strips of test digits, and real fields, were looked at \
last. Seed {plan["seed"]}.

| digits of | to learn from | held out | licence |
| --- | --- | --- | --- |
{sets}

## How good it is

| strips | how many | read right | accepted | wrong among those | calibration error |
| --- | --- | --- | --- | --- | --- |
{scores}

Composed strips have digits and signs of writers whom training had no part in. Real fields are of NIST's handwriting
sample forms.
"""


def _sequence(manifest: Manifest) -> str:
    if manifest.sequence is None:
        return ""
    return f"""

A second network, of {manifest.sequence.parameters:,} weights, reads the strip as one sequence
(`digitmill/strips/sequence.py`). Its log probability of a text counts {manifest.sequence.weight} times what that of the
lattice does."""


def _made(manifest: Manifest, plan: Mapping[str, Any]) -> str:
    begun = f"`{plan['begin_with'].parent.name}@{plan['begin_with'].name}`"
    if manifest.sequence is None:
        return (
            f"The network of {begun} went on learning for {plan['epochs']} epochs with groups of {plan['strips']:,} "
            f"strips composed of training digits and signs, and with marks. The lattice was fitted on "
            f"{plan['fitted']:,} strips of validation digits."
        )
    return (
        f"The first network and the lattice are those of {begun}. The second learnt for {plan['epochs']} epochs from "
        f"{plan['strips']:,} strips composed of training digits and signs. Its weight was fitted on {plan['fitted']:,} "
        "strips of hands that no network learnt from."
    )
