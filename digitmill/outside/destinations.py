"""Where the rows of a job may be written, in which form, and the writing of a file there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from digitmill.errors import BadOptions, FieldError, StorageUnavailable
from digitmill.outside.places import Allowed, Place, read_place
from digitmill.settings import PREFIX
from digitmill.system.files import failures_of, open_files, within

SETTING = f"{PREFIX}RESULT_PREFIXES"
FIELD = "results_url"
PART_BYTES = 16 << 20
"""Of a large file, held in memory at a time: as S3 counts, up to 10,000 of them."""


class Form(StrEnum):
    """How rows are written; the ending of the object's name."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class Destinations:
    def __init__(self, allowed: str | None) -> None:
        """Raises SettingsError where the setting names what is no such address."""
        self._allowed = Allowed(SETTING, allowed, ("s3",))

    def check(self, url: str) -> tuple[Place, Form]:
        """Raises BadOptions where nothing can or may be written there."""
        try:
            place = read_place(url)
            self._allowed.check(place)
            name, _, ending = place.key.rpartition(".")
            if place.target is not None or not name.rpartition("/")[2] or ending not in tuple(Form):
                raise ValueError(
                    f"must be an object on S3 whose name ends in {' or '.join(f'.{form}' for form in Form)}"
                )
        except ValueError as error:
            raise BadOptions(f"{FIELD} {error}.", errors=(FieldError(FIELD, str(error)),)) from error
        return place, Form(ending)


def put(file: Path, place: Place) -> None:
    """Write the file there, whole or not at all, over what was there.

    Raises:
        StorageUnavailable: there is no such bucket, it may not be written, or does not answer.
    """
    files, _ = open_files(place.origin, SETTING)
    try:
        files.put_file(
            str(file),
            f"{place.bucket}/{place.key}",
            chunksize=PART_BYTES,
            max_concurrency=1,
            **within(files, file.stat().st_size),
        )
    except FileNotFoundError as error:
        raise StorageUnavailable("There is no such bucket.") from error
    except PermissionError as error:
        raise StorageUnavailable("This service may not write there; ask its administrator.") from error
    except failures_of(files) as error:
        raise StorageUnavailable(f"The storage does not answer ({type(error).__name__}).") from error
