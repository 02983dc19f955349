"""``MODEL_CARD.md`` of a model of numbers: what it is, what it was made from and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digitmill.models.manifest import Manifest

CARD_FILE = "MODEL_CARD.md"


def card(manifest: Manifest, plan: Mapping[str, Any]) -> str:
    """The card as Markdown. ``plan`` is what decided the run, by the names of ``make.Plan``."""
    network, begun = manifest.architecture, plan["begin_with"]
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
(`digitmill/strips/lattice.py`).

{network.description} {network.parameters:,} weights, {network.multiply_adds:,} multiply-adds a group, \
{manifest.size:,} bytes, sha256 `{manifest.sha256}`. Numbers below {manifest.review_below} are set aside for a person.

## How it was made

The network of `{begun.parent.name}@{begun.name}` went on learning for \
{plan["epochs"]} epochs with groups of {plan["strips"]:,} strips composed of training digits and signs, and with \
marks. The lattice was fitted on {plan["fitted"]:,} strips of validation digits, confidence and threshold on \
{plan["calibrated"]:,} others; {plan["tested"]:,} strips of test digits, and real fields, were looked at last. Seed \
{plan["seed"]}.

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
