"""Whole form pages on demand: read by a template on trial, placed by hand, drawn with what was read."""
