"""Digits drawn again as hands bend them and scanners see them."""
