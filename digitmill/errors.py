"""Every error that Digitmill raises on purpose, in one tree.

    DigitmillError
    ├── SettingsError                the environment holds a setting that cannot be used
    ├── UploadRefused                the upload as a whole is not accepted, and nothing was stored
    │   ├── EmptyUpload  BadOptions  UnsupportedMediaType
    │   ├── UploadTooLarge  TooManyImages
    │   ├── CorruptArchive  NoImages
    │   └── SourceFailed             images that were to be fetched cannot be had
    ├── Unauthorized                 no key, or one that is not valid
    ├── Forbidden                    the key is valid, and has not the scope that the call asks for
    ├── RateLimited                  this caller asks too often
    │   ├── TooManyJobs              or has too many jobs open
    │   └── QuotaUsed                or its key has no images left for today
    ├── NotFound                     no such job, row, model or page for this caller
    ├── Expired                      the job is over and its rows are gone
    ├── Conflict                     the request contradicts what was asked before
    │   ├── IdempotencyConflict      another request has the same key
    │   ├── RowChanged               somebody else has changed the row meanwhile
    │   ├── NoRowYet                 the image is still to be read
    │   ├── ModelInUse  NothingBefore   a model that cannot be retired · a default that none was before
    │   ├── JobNotFinal              the job is still worked on
    │   └── NothingFailed            the job has no failed image that could be tried again
    ├── ServiceUnavailable
    │   ├── Overloaded  StorageUnavailable  NoWorker  NoTrainer  StoreReplaced
    │   └── SourceUnavailable        images that were to be fetched cannot be had at this moment
    ├── ItemFailure                  one image cannot be read: it costs its own row and nothing else
    ├── FormError                    a page cannot be read as a form
    │   ├── BadTemplate              the template is none, or not one that can be used
    │   ├── TemplateNotFound         there is no template of this name and version
    │   ├── PageNotRegistered  NoTemplate   the page does not fit its template, or fits none of several
    │   └── SeveralPages                    a scan shows two pages
    ├── ModelError                   a model or an engine that was asked for cannot be used
    │   ├── ModelNotFound  EngineUnavailable
    │   └── ModelRejected            its files are not what they should be
    │       └── ModelBroken  ModelUnsafe  ModelTooLarge  ModelUnfit   a file that is to be published is refused
    ├── CannotStart                  `digitmill up` cannot bring up Redis, the worker or the web server
    ├── BackupError                  a backup cannot be taken, or not be restored
    └── TrainingError                the data or the folder of a training run does not fit what was asked

``code`` is stable and part of the HTTP contract; the message is a sentence that tells the user what to do.
Only ``web/errors.py`` knows HTTP statuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One faulty input: ``field`` names it as the caller wrote it, ``message`` says what it must be."""

    field: str
    message: str


class DigitmillError(Exception):
    """Base of the tree. ``detail`` is the sentence for the user, ``code`` the stable name."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class SettingsError(DigitmillError):
    code = "bad_settings"


class UploadRefused(DigitmillError):
    code = "upload_refused"


class EmptyUpload(UploadRefused):
    code = "empty_upload"


class BadOptions(UploadRefused):
    code = "bad_options"


class UnsupportedMediaType(UploadRefused):
    code = "unsupported_media_type"


class UploadTooLarge(UploadRefused):
    code = "upload_too_large"


class TooManyImages(UploadRefused):
    code = "too_many_images"


class CorruptArchive(UploadRefused):
    code = "corrupt_archive"


class NoImages(UploadRefused):
    code = "no_images"


class SourceFailed(UploadRefused):
    code = "source_failed"


class Unauthorized(DigitmillError):
    """``key_id`` and ``key_name`` are those of the key that was refused, where it is one that exists."""

    code = "unauthorized"

    def __init__(self, detail: str, *, key_id: str | None = None, key_name: str | None = None) -> None:
        super().__init__(detail)
        self.key_id = key_id
        self.key_name = key_name


class Forbidden(DigitmillError):
    code = "forbidden"


class RateLimited(DigitmillError):
    """``retry_after`` is the number of seconds after which another try makes sense."""

    code = "rate_limited"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyJobs(RateLimited):
    code = "too_many_jobs"


class QuotaUsed(RateLimited):
    code = "quota_used"


class NotFound(DigitmillError):
    code = "not_found"


class Expired(DigitmillError):
    code = "expired"


class Conflict(DigitmillError):
    code = "conflict"


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"


class RowChanged(Conflict):
    code = "row_changed"


class NoRowYet(Conflict):
    code = "no_row_yet"


class JobNotFinal(Conflict):
    code = "job_not_final"


class ModelInUse(Conflict):
    code = "model_in_use"


class NothingBefore(Conflict):
    code = "nothing_before"


class NothingFailed(Conflict):
    code = "nothing_failed"


class ServiceUnavailable(DigitmillError):
    """``retry_after`` is the number of seconds after which another try makes sense."""

    code = "unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Overloaded(ServiceUnavailable):
    code = "overloaded"


class StorageUnavailable(ServiceUnavailable):
    code = "storage_unavailable"


class NoWorker(ServiceUnavailable):
    code = "no_worker"


class NoTrainer(ServiceUnavailable):
    code = "no_trainer"


class StoreReplaced(ServiceUnavailable):
    """Redis came up empty, or is another service's: nothing may be removed, and nobody answered."""

    code = "store_replaced"

    def __init__(self, detail: str, *, retry_after: int = 60) -> None:
        super().__init__(detail, retry_after=retry_after)


class SourceUnavailable(ServiceUnavailable):
    code = "source_unavailable"


class FailureCode(StrEnum):
    """Why one image got no answer: the ``error.code`` of its row."""

    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED_IMAGE = "truncated_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    IMAGE_TOO_LARGE = "image_too_large"
    ENCRYPTED_MEMBER = "encrypted_member"
    CORRUPT_MEMBER = "corrupt_member"
    MEMBER_TOO_LARGE = "member_too_large"
    NESTED_ARCHIVE = "nested_archive"
    POISON_IMAGE = "poison_image"
    PROCESSING_FAILED = "processing_failed"
    PAGE_NOT_REGISTERED = "page_not_registered"
    NO_TEMPLATE = "no_template"
    SEVERAL_PAGES = "several_pages"


class ItemFailure(DigitmillError):
    """One image cannot be read. ``failure`` is the code its row will carry."""

    code = "item_failure"

    def __init__(self, failure: FailureCode, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


class FormError(DigitmillError):
    code = "form_error"


class BadTemplate(FormError):
    """``errors`` name the places in the JSON, such as ``fields[3].boxes[2]``."""

    code = "bad_template"


class TemplateNotFound(FormError):
    code = "template_not_found"


class PageNotRegistered(FormError):
    code = "page_not_registered"


class NoTemplate(FormError):
    code = "no_template"


class SeveralPages(FormError):
    code = "several_pages"


class ModelError(DigitmillError):
    code = "model_error"


class ModelNotFound(ModelError):
    code = "model_not_found"


class ModelRejected(ModelError):
    """The model's files do not fit their manifest, or need another normaliser or engine."""

    code = "model_rejected"


class ModelBroken(ModelRejected):
    """A file that is to be published is no whole ``.keras`` file."""

    code = "model_broken"


class ModelUnsafe(ModelRejected):
    """It holds or names what a network of built-in layers needs not."""

    code = "model_unsafe"


class ModelTooLarge(ModelRejected):
    """It takes more bytes, memory or time than a model may."""

    code = "model_too_large"


class ModelUnfit(ModelRejected):
    """It is a network, and does not do what a model of digits must."""

    code = "model_unfit"


class EngineUnavailable(ModelError):
    """The engine or the device that the settings ask for is not on this machine."""

    code = "engine_unavailable"


class CannotStart(DigitmillError):
    code = "cannot_start"


class BackupError(DigitmillError):
    code = "backup_failed"


class TrainingError(DigitmillError):
    code = "training_error"
