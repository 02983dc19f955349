"""The table of docs/settings.md, made from the Settings themselves: ``make settings-table`` writes it."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from digitmill.settings import PREFIX, Settings
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "settings.md"
HEAD = "| setting | default | what it does |\n| --- | --- | --- |\n"


def table() -> str:
    """The head and one line for each setting."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "".join(rows)


def page(text: str) -> str:
    """``text`` with its table, which ends it, replaced."""
    return text.partition(HEAD)[0] + table()


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    if field.default_factory is not None or default is None:
        return ""
    return f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
