"""Strings of digits composed of real writers' digits, to fit and to measure the reading of strips."""
