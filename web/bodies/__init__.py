"""Uploads from the body of a request into the spool."""
