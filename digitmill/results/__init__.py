"""Rows of jobs: read, as tables, and written as files elsewhere."""
