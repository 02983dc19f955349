"""Every error that Digitmill raises on purpose, in one tree.

    DigitmillError
    ├── SettingsError                the environment holds a setting that cannot be used
    ├── UploadRefused                the upload as a whole is not accepted, and nothing was stored
    │   ├── EmptyUpload  BadOptions  UnsupportedMediaType
    │   ├── UploadTooLarge  TooManyImages
    │   └── CorruptArchive  NoImages
    ├── Unauthorized                 no key, or one that is not valid
    ├── Forbidden                    the key is valid, and has not the scope that the call asks for
    ├── RateLimited                  this caller asks too often
    │   └── TooManyJobs              or has too many jobs open
    ├── NotFound                     no such job, row, model or page for this caller
    ├── Expired                      the job is over and its rows are gone
    ├── Conflict                     the request contradicts what was asked before
    │   ├── IdempotencyConflict      another request has the same key
    │   ├── RowChanged               somebody else has changed the row meanwhile
    │   ├── NoRowYet                 the image is still to be read
    │   ├── JobNotFinal              the job is still worked on
    │   └── NothingFailed            the job has no failed image that could be tried again
    ├── ServiceUnavailable
    │   └── Overloaded  StorageUnavailable  NoWorker  StoreReplaced
    ├── ItemFailure                  one image cannot be read: it costs its own row and nothing else
    ├── ModelError                   a model or an engine that was asked for cannot be used
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


class StoreReplaced(ServiceUnavailable):
    """Redis came up empty, or is another service's: nothing may be removed, and nobody answered."""

    code = "store_replaced"

    def __init__(self, detail: str, *, retry_after: int = 60) -> None:
        super().__init__(detail, retry_after=retry_after)


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


class ItemFailure(DigitmillError):
    """One image cannot be read. ``failure`` is the code its row will carry."""

    code = "item_failure"

    def __init__(self, failure: FailureCode, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


class ModelError(DigitmillError):
    code = "model_error"


class ModelNotFound(ModelError):
    code = "model_not_found"


class ModelRejected(ModelError):
    """The model's files do not fit their manifest, or need another normaliser or engine."""

    code = "model_rejected"


class EngineUnavailable(ModelError):
    """The engine or the device that the settings ask for is not on this machine."""

    code = "engine_unavailable"


class CannotStart(DigitmillError):
    code = "cannot_start"


class BackupError(DigitmillError):
    code = "backup_failed"


class TrainingError(DigitmillError):
    code = "training_error"
