"""The texts of the modules in the browser, translated here: they are handed over with the page that loads them.

``{name}`` stands for a value that the module puts in. A text with a number in it is a mapping from the plural
categories of the language (Unicode CLDR) to its forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from babel import Locale
from flask_babel import get_locale, gettext, ngettext

from web.pages.refusals import refusals

Text = str | Mapping[str, str]
Subject = Callable[[], Mapping[str, Text]]

# every plural category that a language has shows up among these
_NUMBERS = range(200)


def texts(*subjects: Subject) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for subject in subjects:
        found.update(subject())
    return found


def plural(one: str, many: str) -> Mapping[str, str]:
    """The forms of a text, by plural category. ``one`` and ``many`` hold ``{count}``."""
    locale = get_locale() or Locale("en")
    return {locale.plural_form(number): ngettext(one, many, number) for number in reversed(_NUMBERS)}


def common() -> Mapping[str, Text]:
    return {
        "files": plural("{count} file", "{count} files"),
        "seconds": plural("{count} second", "{count} seconds"),
        "minutes": plural("{count} minute", "{count} minutes"),
        "hours": plural("{count} hour", "{count} hours"),
        "offline": gettext("The connection is lost. It goes on by itself when the connection is back."),
        "over": gettext("over {value}"),
        "unreachable": gettext("The service does not answer."),
        "signed_out": gettext("You are signed out. Load the page again to sign in."),
        **refusals(),
        "state_queued": gettext("Waiting"),
        "state_running": gettext("Running"),
        "state_completed": gettext("Done"),
        "state_cancelled": gettext("Cancelled"),
        "state_failed": gettext("Failed"),
        "progress_text": gettext("{done} of {total} images"),
        "partly": gettext("{done} of {total} images were read"),
        "kept": gettext("kept until {until}"),
        "confirm_stop": gettext("Stop “{label}”? What is not read by then stays unread."),
        "stop": gettext("Stop"),
    }


def reasons() -> Mapping[str, Text]:
    """What the model takes a doubtful picture for."""
    return {
        "looks_cut_off": gettext("may be cut off"),
        "looks_cross": gettext("looks like a cross"),
        "looks_dash": gettext("looks like a dash"),
        "looks_struck_out": gettext("looks struck out"),
        "looks_several": gettext("looks like two digits or numbers, or more"),
        "looks_circled": gettext("looks like a digit in a circle"),
        "looks_other": gettext("looks like a letter or a scribble"),
        "looks_blank": gettext("looks empty"),
        "looks_length": gettext("has more digits than allowed, or fewer"),
        "looks_gap": gettext("has an empty box between digits, or at the wrong end"),
        "looks_displaced": gettext("is not where the rest of the page says"),
        "looks_unread": gettext("is of a kind that is not read yet"),
        "looks_check": gettext("does not agree with other fields"),
        "looks_critical": gettext("is for two people to enter"),
    }


def entries() -> Mapping[str, Text]:
    """Of fields that two people enter."""
    return {
        "waits_for_another": gettext("You have entered it. Another person goes on."),
        "second_entry": gettext("Somebody has entered this field. Type what stands there."),
        "entries_differ": gettext("{name} entered {said}, and {other} {says}. Which is right?"),
    }


def form_job() -> Mapping[str, Text]:
    return {
        **reasons(),
        **entries(),
        "expired": gettext("This job has expired, or was deleted. Its rows are gone."),
        "place_page": gettext("Show where it lies"),
        "place_page_of": gettext("Show where the page lies on {name}"),
        "reading_again": gettext("Reading…"),
        "marked_page": gettext("{name}, with what was read drawn over it"),
        "field_doubtful": gettext("{name}: {value}, doubtful"),
        "field_plain": gettext("{name}: {value}"),
        "fields_left": plural("{count} doubtful field in this table", "{count} doubtful fields in this table"),
        "copies_told": plural(
            "{count} page was sent twice. It is marked below, and in tables by the column copy_of.",
            "{count} pages were sent twice. They are marked below, and in tables by the column copy_of.",
        ),
        "copy_picture": gettext("the same picture as {name}"),
        "copy_writing": gettext("the same sheet as {name}, it seems"),
        **sets(),
    }


def sets() -> Mapping[str, Text]:
    """Of forms of several pages: a set is one filled-in form."""
    return {
        "set_place": gettext("set {number} of {form}, page {page}"),
        "set_fault": gettext("Set {number} of {form} ({scans}): {what}."),
        "sets_fault": gettext("Sets {number} to {last} of {form} ({scans}): {what}."),
        "sets_missing": plural("page {pages} is missing", "pages {pages} are missing"),
        "sets_doubled": plural("page {pages} is there more than once", "pages {pages} are there more than once"),
        "sets_disorder": gettext("the pages are not in order"),
        "sets_unread": plural(
            "{scans} was not read, and may be what is missing.", "{scans} were not read, and may be what is missing."
        ),
        "sets_whole": plural(
            "{count} set of {form} is there; no page of it is missing.",
            "{count} sets of {form} are there; no page is missing.",
        ),
        "sets_faulty": plural(
            "{count} set of {form} is there; to look at: {faulty}.",
            "{count} sets of {form} are there; to look at: {faulty}.",
        ),
        "sets_reversed": gettext("In each set of {form} the last page comes first."),
        "sets_loose": gettext(
            "The pages of {form} do not come set by set, so nobody can tell which belong together: {scans}."
        ),
        "page_times": plural("page {page} is there {count} time", "page {page} is there {count} times"),
        "sets_more": plural("{count} more set has such faults.", "{count} more sets have such faults."),
    }


def upload() -> Mapping[str, Text]:
    return {
        "chosen": gettext("{files}, {bytes}"),
        "left_out": plural("{count} file will be left out:", "{count} files will be left out:"),
        "litter": plural("{count} system file was passed over.", "{count} system files were passed over."),
        "bad_empty": gettext("is empty"),
        "bad_too_large": gettext("has {bytes}; an image may have {most}"),
        "bad_not_image": gettext("is neither an image nor a zip"),
        "bad_archive": gettext("is an archive of a kind that is not opened: unpack it, or pack it as a zip"),
        "bad_zip": gettext("is no complete zip: it may have been cut off on its way"),
        "bad_document": gettext("is a document, and no zip of scans: save its pages as PDF or as images"),
        "bad_twice": gettext("is in the pile already"),
        "remove": gettext("Remove {name}"),
        "sent_before": gettext("The same pile was sent before, {time}:"),
        "bad_unreadable": gettext("cannot be read from this device"),
        "too_many_files": gettext("These are {count} files, and {most} may be sent at a time. Put them into a zip."),
        "too_many_bytes": gettext("These are {bytes}, and {most} may be sent at a time. Split them up."),
        "nothing": gettext("There is nothing to send yet."),
        "sending": gettext("{sent} of {total} sent, {rate} a second, {left} left"),
        "storing": gettext("All is sent. The service looks through it…"),
        "retrying": gettext("The connection is lost. Sending again in {seconds}…"),
        "cancelled": gettext("The upload was stopped. Nothing was stored."),
        "label_more": gettext("{name} and {count} more"),
        "pasted": gettext("pasted"),
        "reading": gettext("Looking at the files…"),
        "no_sample": gettext("The sample pile cannot be had at the moment."),
        "threshold_low": gettext(
            "This is below the model's own. Of the rows that are only {threshold} sure, about {wrong} are wrong, and "
            "nobody will look at them."
        ),
    }


def answers() -> Mapping[str, Text]:
    """Of every page on which a row can be answered."""
    return {
        **reasons(),
        **entries(),
        "said_blank": gettext("blank"),
        "said_not_a_digit": gettext("no digit"),
        "taken_back": gettext("nothing any more"),
        "confirm_is": gettext("It is {answer}"),
        "confirm_typed": gettext("This stands there"),
        "confirm_blank": gettext("Blank"),
        "confirm_not_a_digit": gettext("No digit"),
        "not_accepted": gettext("This is no answer to a row of this job."),
        "corrected": gettext("A person said: {answer} ({time})"),
        "corrected_by": gettext("{name} said: {answer} ({time})"),
        "entered": gettext("A person entered it ({time})"),
        "entered_by": gettext("{name} entered it ({time})"),
        "took_back": gettext("Taken back ({time})"),
        "took_back_by": gettext("{name} took it back ({time})"),
        "restored": plural(
            "{count} answer of yours had not reached the service. It is sent now.",
            "{count} answers of yours had not reached the service. They are sent now.",
        ),
        "all_sent": gettext("All answers are stored."),
        "on_their_way": plural("{count} answer on its way", "{count} answers on their way"),
    }


def job() -> Mapping[str, Text]:
    return {
        "of_all": plural("({count} at first)", "({count} at first)"),
        "stands": gettext("Answered: {answer}"),
        "overtaken": gettext(
            "Row {row}: you said {mine}. Somebody else had changed it before, and says {theirs}. Say it again if yours "
            "is to hold."
        ),
        "running_detail": gettext("{rate} images a second, about {left} left"),
        "left_unknown": gettext("working out how long it takes…"),
        "ended_early": gettext(
            "This job ended before all of it was read: {done} of {total} images have a row. Tables and counts hold "
            "those alone."
        ),
        "expires_soon": gettext("The rows of this job are deleted {until}. Download them before."),
        "review_these": plural("Review this {count}", "Review these {count}"),
        "raised": gettext("Rows less sure than {threshold} are to review since {time}."),
        "raised_by": gettext("{name} has let rows less sure than {threshold} wait for review ({time})."),
        "took": gettext("read in {time}, {rate} images a second"),
        "shown": gettext("{shown} of {total} rows"),
        "shown_all": plural("{count} row", "{count} rows"),
        "loading": gettext("Loading rows: {loaded} of {total}"),
        "no_rows": gettext("No row fits these filters."),
        "status_recognized": gettext("recognised"),
        "status_review": gettext("to review"),
        "status_blank": gettext("blank"),
        "status_failed": gettext("failed"),
        "answered": gettext("by a person"),
        "tile": gettext("{name}: {answer}"),
        "answer_sure": gettext("{prediction}, {confidence} sure"),
        "threshold_value": gettext("{threshold}: {count} of {total} rows to review"),
        "threshold_share": gettext("{count} of {total} rows to review ({share}), at {threshold}"),
        "threshold_own": gettext("That is what this job was read with."),
        "position": gettext("Row {row}: {position} of {total} shown"),
        "verdict_blank": gettext("blank"),
        "verdict_not_a_digit": gettext("no digit"),
        "expired": gettext("This job has expired, or was deleted. Its rows are gone."),
        "printed": gettext("The first {shown} of {total} rows that fit the filters"),
        **failures(),
        "column_index": gettext("Row"),
        "column_name": gettext("Name"),
        "column_status": gettext("Status"),
        "column_prediction": gettext("Digit"),
        "column_confidence": gettext("Confidence"),
        "column_error": gettext("Reason"),
    }


def failures() -> Mapping[str, Text]:
    """Why images failed, and whether it helps to try them again."""
    return {
        "reason_not_an_image": gettext("The file is no image."),
        "reason_truncated_image": gettext("The image is cut off. Scan it or copy it again."),
        "reason_unsupported_format": gettext("This kind of image is not read. Save it as PNG or JPEG."),
        "reason_image_too_large": gettext("The image has too many pixels or pages."),
        "reason_encrypted_member": gettext(
            "The file is locked with a password. Save it, or pack the zip, without one."
        ),
        "reason_corrupt_member": gettext("The file is damaged inside the zip. Pack it again."),
        "reason_member_too_large": gettext("The file has too many bytes."),
        "reason_nested_archive": gettext("The file is an archive that is not opened. Unpack it first."),
        "reason_poison_image": gettext("The image brought down whoever tried to read it. Save it again, as PNG."),
        "reason_processing_failed": gettext(
            "The workers failed several times on the images around this one. Send it again."
        ),
        "reason_page_not_registered": gettext("The page does not show the form of its template."),
        "reason_several_pages": gettext("The scan shows two pages. Cut it apart, or scan them one by one."),
        "reason_no_template": gettext("The page shows none of the forms that were chosen, or two of them."),
        "retry_may_help": plural(
            "{count} of them failed for a reason that may have passed.",
            "{count} of them failed for a reason that may have passed.",
        ),
        "retry_hardly_helps": gettext("The same files will fail again for these reasons: scan or save them again."),
    }


def jobs() -> Mapping[str, Text]:
    return {
        "left_of": gettext("{left} of {total} left"),
        "delete": gettext("Delete"),
        "shown_jobs": gettext("{shown} of {total} jobs"),
        "confirm_delete_many": plural(
            "Delete {count} job? Its rows and its upload go for good.",
            "Delete {count} jobs? Their rows and their uploads go for good.",
        ),
        "confirm_delete": gettext("Delete “{label}”? Its rows and its upload go for good."),
    }
