"""The texts of the modules with which digits are drawn. See ``texts.py``."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from web.pages.texts import Text, plural, reasons


def drawing() -> Mapping[str, Text]:
    return {
        **reasons(),
        "pen_down": gettext("The pen is down."),
        "pen_up": gettext("The pen is up."),
        "reading": gettext("Reading…"),
        "sure": gettext("{confidence} sure"),
        "said_sure": gettext("It is a {digit}, {confidence} sure."),
        "said_unsure": gettext("It may be a {digit}, {confidence} sure. In a job, a person would look at it."),
        "said_looks": gettext("The drawing {looks}. In a job, a person would look at it."),
        "said_blank": gettext("There is nothing to read yet."),
        "too_busy": gettext("The service has much to do, and has not answered yet. Draw on, or try again later."),
        "read_as": gettext("read as {answer}"),
        "right": gettext("Right! {sum}"),
        "wrong": gettext("That reads {answer}. Clear a box and try again."),
        "unsure": gettext("One of the digits is hard to read. Clear its box and draw it again."),
        "score": plural("{right} of {count} sum right at once", "{right} of {count} sums right at once"),
        "box": gettext("Box for a digit, {place} of {places}"),
        "clear_box": gettext("Clear box {place}"),
    }
