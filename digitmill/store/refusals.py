"""What a store says when it refuses something."""

from __future__ import annotations

import math

from digitmill.errors import QuotaUsed, TooManyImages

DAY_SECONDS = 86400
NO_UPLOAD = "The upload of this job is no longer stored; submit it again."


def too_many_jobs(most: int) -> str:
    return f"You have as many open jobs as you may, {most:,}; wait until one is done, or cancel one."


def past_the_day(images_a_day: int, images: int) -> TooManyImages:
    """Of a job that no day has room for."""
    return TooManyImages(f"Your key may submit {images_a_day:,} images a day, and the upload has {images:,}: split it.")


def quota_used(images_a_day: int, now: float) -> QuotaUsed:
    """``now`` by the store's clock."""
    detail = f"Your key may submit {images_a_day:,} images a day, and too few are left; go on after midnight (UTC)."
    return QuotaUsed(detail, retry_after=math.ceil(DAY_SECONDS - now % DAY_SECONDS))
