"""Strips of several digits: their ink, their segments, and the reading of them."""
