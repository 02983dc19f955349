"""The worker: Celery processes that answer chunks. Start one with ``python -m worker``."""
