"""Digitmill turns piles of scanned handwritten digits into data."""

__version__ = "0.1.0"
