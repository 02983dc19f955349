"""The calls of the HTTP API, a file for each subject; ``web/app.py`` registers them."""
