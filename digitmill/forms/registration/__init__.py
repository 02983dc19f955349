"""Finding the reference of a template on a scan. ``finding.py`` is the way in."""
