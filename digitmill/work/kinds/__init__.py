"""Kinds of work: what workers do for a job.

A new kind is one module with its handler, and one line in KINDS.
"""

from __future__ import annotations

from digitmill.work.kinds.base import Kind
from digitmill.work.kinds.publish import PublishModel
from digitmill.work.kinds.read import ReadImages
from digitmill.work.kinds.train import Train
from digitmill.work.kinds.trial import ReadTrial

KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (ReadImages, ReadTrial, PublishModel, Train)}
"""By the names that jobs carry."""
