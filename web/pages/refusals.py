"""What the pages say of a refused call in the reader's language; what the HTTP interface says is English.

English pages show that sentence alone, others show it behind their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import get_locale, gettext

from digitmill.errors import DigitmillError

PREFIX = "refused_"


def refusals() -> Mapping[str, str]:
    """Of each code, for the modules in the browser."""
    return own_refusals(_sentences())


def own_refusals(sentences: Mapping[str, str]) -> Mapping[str, str]:
    """Those of a page that knows more of what it asks for, by codes."""
    locale = get_locale()
    english = locale is None or locale.language == "en"
    return {} if english else {f"{PREFIX}{code}": told for code, told in sentences.items()}


def refusal(error: DigitmillError) -> str:
    told = refusals().get(f"{PREFIX}{error.code}")
    return error.detail if told is None else f"{told} ({error.detail})"


def _sentences() -> Mapping[str, str]:
    to_administrator = gettext("Tell whoever runs the service.")
    contradicts = gettext("It does not fit what is there already.")
    return {
        "empty_upload": gettext("Nothing was sent."),
        "upload_refused": gettext("What was sent is not taken."),
        "bad_options": gettext("What was entered is not taken."),
        "bad_template": gettext("The template cannot be used as it is."),
        "unsupported_media_type": gettext("Files of this kind are not taken."),
        "upload_too_large": gettext("These are more bytes than may be sent at a time."),
        "too_many_images": gettext("These are more images than may be sent at a time."),
        "corrupt_archive": gettext("The zip is damaged or cut off."),
        "no_images": gettext("There is no image in what was sent."),
        "forbidden": gettext("Your key does not allow this."),
        "rate_limited": gettext("These were too many calls in a short time. Wait a moment."),
        "too_many_jobs": gettext("You have as many open jobs as you may. Wait until one is done."),
        "quota_used": gettext("The images that you may send today are used up."),
        "not_found": gettext("It is not there, or not any more."),
        "model_not_found": gettext("There is no such model."),
        "template_not_found": gettext("There is no such template."),
        "expired": gettext("This job has expired, or was deleted. Its rows are gone."),
        "conflict": contradicts,
        "idempotency_conflict": contradicts,
        "row_changed": gettext("Somebody else has changed the row meanwhile."),
        "no_row_yet": gettext("The image is still to be read."),
        "job_not_final": gettext("The job is still worked on."),
        "model_in_use": gettext("The model is in use."),
        "nothing_before": gettext("There is no model before it to go back to."),
        "nothing_failed": gettext("No image of this job has failed."),
        "overloaded": gettext("The service has too much to do at the moment."),
        "storage_unavailable": gettext("The storage of the service does not answer at the moment."),
        "no_worker": gettext("Nobody is there who reads images.") + " " + to_administrator,
        "no_trainer": gettext("Nobody is there who trains.") + " " + to_administrator,
        "store_replaced": gettext("The service has lost its records.") + " " + to_administrator,
        "internal_error": gettext("The service failed.") + " " + to_administrator,
    }
