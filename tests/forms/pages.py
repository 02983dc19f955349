"""Templates that tests write down, and how they change them."""

from __future__ import annotations

import copy
import json
from typing import Any

TALLY: dict[str, Any] = {
    "name": "tally",
    "version": "1",
    "title": "Station tally",
    "page": {"width": 1654, "height": 2339, "dpi": 200, "number": 1, "of": 1},
    "registration": {"method": "auto", "markers": [], "code": None},
    "fields": [
        {
            "name": "station",
            "kind": "digits",
            "grid": {"quad": [[100, 100], [450, 100], [450, 160], [100, 160]], "cells": 7},
            "length": [7, 7],
            "empty": "refuse",
        },
        {
            "name": "male",
            "kind": "digits",
            "boxes": [[[x, 200], [x + 50, 200], [x + 50, 260], [x, 260]] for x in (100, 150, 200)],
            "length": [0, 3],
        },
        {
            "name": "amount",
            "kind": "number",
            "quad": [[100, 300], [400, 300], [400, 360], [100, 360]],
            "separators": ".,-",
        },
        {
            "name": "answer1",
            "kind": "mark",
            "options": {
                "A": [[100, 400], [130, 400], [130, 430], [100, 430]],
                "B": [[200, 400], [230, 400], [230, 430], [200, 430]],
            },
        },
        {"name": "paper", "kind": "code", "quad": [[1400, 100], [1500, 100], [1500, 200], [1400, 200]]},
        {"name": "remark", "kind": "picture", "quad": [[100, 500], [800, 500], [800, 700], [100, 700]]},
    ],
    "checks": [{"rule": "male == amount"}],
}


def tally(place: str = "", value: object = None) -> str:
    """The JSON of TALLY, with another value at a place such as ``fields.1.boxes.2``."""
    document = copy.deepcopy(TALLY)
    if place:
        *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        inner: Any = document
        for part in path:
            inner = inner[part]
        inner[last] = value
    return json.dumps(document)
