"""Kinds of work: what workers do for a job.

A new kind is one module with its handler, and one line in KINDS.
"""

from __future__ import annotations

from digitmill.kinds.base import Kind
from digitmill.kinds.publish import PublishModel
from digitmill.kinds.read import ReadImages
from digitmill.kinds.train import Train
from digitmill.kinds.trial import ReadTrial

KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (ReadImages, ReadTrial, PublishModel, Train)}
"""By the names that jobs carry."""
