"""Rows as a spreadsheet, and those of form pages as a table."""
