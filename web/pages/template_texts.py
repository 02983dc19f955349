"""The texts of the modules of the page on which a template is made. See ``texts.py``."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from web.pages.texts import Text, plural, reasons


def template() -> Mapping[str, Text]:
    return {
        **reasons(),
        "finding": gettext("Looking for boxes…"),
        "fields": plural("{count} field", "{count} fields"),
        "field": gettext("Field"),
        "name_of": gettext("Name of field {number}"),
        "is_digits": plural("{count} digit", "{count} digits"),
        "is_number": gettext("number"),
        "is_mark": plural("{count} tick", "{count} ticks"),
        "is_code": gettext("code"),
        "is_picture": gettext("picture"),
        "in_line": gettext("Line {line}: {message}"),
        "faults": plural("{count} thing is to be mended.", "{count} things are to be mended."),
        "kept_here": gettext("Kept in this browser"),
        "not_kept": gettext("This browser keeps nothing: publish before you leave."),
        "went_on": gettext("You go on where you were."),
        "confirm_anew": gettext("Throw away what you have made here?"),
        "begin_anew": gettext("Begin anew"),
        "no_room": gettext("There is no room on the page for a copy there."),
        "too_many_boxes": gettext("A field has at most {count} boxes."),
        "published": gettext("{label} is published."),
        "trying": gettext("Reading…"),
        "tried": plural(
            "Read. {count} field would go to a person.",
            "Read. {count} fields would go to a person.",
        ),
        "try_outdated": gettext("The template has changed since these were read."),
        "tried_page": gettext("{name} with what was read"),
    }
