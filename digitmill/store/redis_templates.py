"""Templates of form pages in the service's Redis.

dm:templates        hash    <name>@<version> -> JSON of the record: see templates.py
dm:templates:texts  hash    <name>@<version> -> the template as JSON
                            Fields are only ever added, to both at once: whoever comes second changes neither.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import redis

from digitmill.store.connection import storage_errors
from digitmill.store.keys import TEMPLATES
from digitmill.store.templates import TemplateRecord, TemplateStore

TEXTS = f"{TEMPLATES}:texts"


class RedisTemplateStore(TemplateStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    def add(self, record: TemplateRecord, text: str) -> TemplateRecord:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hsetnx(TEMPLATES, record.label, json.dumps(asdict(record)))
            pipe.hsetnx(TEXTS, record.label, text)
            pipe.hget(TEMPLATES, record.label)
            return _record(pipe.execute()[-1])

    def find(self, label: str) -> TemplateRecord | None:
        with storage_errors():
            packed = self._redis.hget(TEMPLATES, label)
        return None if packed is None else _record(packed)

    def text(self, label: str) -> str | None:
        with storage_errors():
            text = self._redis.hget(TEXTS, label)
        return None if text is None else text.decode()

    def list(self) -> Sequence[TemplateRecord]:
        with storage_errors():
            return [_record(packed) for packed in self._redis.hvals(TEMPLATES)]


def _record(packed: bytes) -> TemplateRecord:
    return TemplateRecord(**json.loads(packed))
