"""The texts of the modules of the review and of the check. See ``texts.py``."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from web.pages.texts import Text, plural


def review() -> Mapping[str, Text]:
    return {
        "sure": gettext("the model is {confidence} sure"),
        "check_holds": gettext("✓ holds:"),
        "check_fails": gettext("✗ does not hold:"),
        "doubtful": gettext("doubtful"),
        "no_page_left": gettext("No further page has doubtful fields."),
        "check_open": gettext("? cannot be told yet:"),
        "you_said": gettext("You said: {answer}"),
        "spoken_row": gettext("Row {row}: the model says {digit}, {confidence} sure."),
        "spoken_looks": gettext("Row {row} {looks}."),
        "conflict": gettext("Row {row}: you said {mine}. Somebody else had changed it before, and says {theirs}."),
        "conflict_undo": gettext(
            "Row {row}: your answer was not taken back. Somebody else had changed the row before, and says {theirs}."
        ),
        "undo_theirs": gettext("Take that back too"),
        "keep_theirs": gettext("Leave it: {answer}"),
        "keep_mine": gettext("Mine holds: {answer}"),
        "taken_over": gettext("Somebody else has answered the row that was here, or holds it now."),
        "waits_again": gettext("Your answer is taken back. The row waits again, and others may have it before them."),
        "taken_over_some": gettext("Somebody else has answered some of these rows, or holds them now."),
        "group_over": plural(
            "{count} doubtful row is left: press Enter for those read as {digit}.",
            "{count} doubtful rows are left: press Enter for those read as {digit}.",
        ),
        "groups_over": plural(
            "{count} doubtful row is left: marked for the review one by one, or with others.",
            "{count} doubtful rows are left: marked for the review one by one, or with others.",
        ),
        "left_elsewhere": plural(
            "{count} doubtful row is left: on somebody's screen, or for another person to enter.",
            "{count} doubtful rows are left: on somebody's screen, or for another person to enter.",
        ),
        "holds": gettext("{name}: {rows}"),
        "rows_held": plural("{count} row", "{count} rows"),
        "holder_own": gettext("Another window of yours"),
        "holder_unnamed": gettext("Another window"),
        "take_over": gettext("Take over"),
        "take_over_from": gettext("Take over from: {name}"),
        "nothing_left": gettext("No doubtful row is left."),
        "tile": gettext("Row {row}, read as {digit}, {confidence} sure"),
        "tile_looks": gettext("Row {row}, read as {digit}, {looks}"),
        "sheet": plural("{count} picture read as {digit}", "{count} pictures read as {digit}"),
        "sheet_done": plural("{count} row confirmed.", "{count} rows confirmed."),
        "left_for_later": plural(
            "{count} marked row is left for the review one by one.",
            "{count} marked rows are left for the review one by one.",
        ),
        "checked": gettext("{seen} of {total} looked at, {wrong} of them wrong."),
        "check_all": gettext("All {population} accepted rows were looked at: {wrong} are wrong."),
        "check_interval": gettext(
            "Of the {population} accepted rows of this job, between {low} and {high} are wrong: so says this sample, "
            "and a range found in this way is right 95 times in 100."
        ),
        "check_likely": gettext("If the sample is like the rest, about {likely}, which is {share}."),
        "check_sheet": gettext("Sheet {sheet} of {sheets}"),
        "check_empty": gettext("This job has no accepted rows to check."),
        "check_over": gettext("You have seen the whole sample."),
    }


def boxes() -> Mapping[str, Text]:
    return {
        "boxes_done": plural("{count} box looked at.", "{count} boxes looked at."),
        "fields_for_later": plural(
            "{count} field is left for the review one by one.", "{count} fields are left for the review one by one."
        ),
    }
