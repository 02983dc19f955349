"""The service under an hour of normal load, with Prometheus beside it: ``python -m tests.normal_load``."""
