"""Drafts of templates for strangers: each in a process of its own, whose memory and time are walled in.

A picture that is all boxes takes minutes and gigabytes, whatever its size as a file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.drawn.memory import bounded_afterwards
from digitmill.settings import PREFIX, Settings

TOO_MUCH = (
    "This page takes too long, or too much memory, to be searched for fields. Send it at 300 dots per inch, or cut "
    "it to one page."
)


def drafted_apart(
    page: NDArray[np.uint8], name: str, dpi: float | None, settings: Settings, *, blank: bool | None
) -> dict[str, Any]:
    """What ``draft.drafted`` makes of the page, uint8 [height, width], as JSON has it.

    Raises:
        ItemFailure: ``poison_image``, where it takes more memory or seconds than an image may.
    """
    words = [*page.shape, name, dpi, blank, settings.image_memory_bytes]
    try:
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-m", __name__],
            input=json.dumps(words).encode() + b"\n" + page.tobytes(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # keys and passwords among the settings are nothing for who looks at strangers' pages
            env={variable: value for variable, value in os.environ.items() if not variable.startswith(PREFIX)},
            timeout=settings.image_seconds,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise ItemFailure(FailureCode.POISON_IMAGE, TOO_MUCH) from error
    draft: dict[str, Any] = json.loads(done.stdout)
    return draft


def _main() -> None:
    # web servers load none of it
    from digitmill.forms.draft import drafted  # noqa: PLC0415

    height, width, name, dpi, blank, memory_bytes = json.loads(sys.stdin.buffer.readline())
    with bounded_afterwards(memory_bytes):
        page = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(height, width)
    json.dump(drafted(page, name, dpi, blank=blank), sys.stdout)


if __name__ == "__main__":
    _main()
