"""A long run of jobs while processes are killed at random: ``python -m tests.soak``."""
