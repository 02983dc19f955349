"""The whole service from one command: a private Redis, a worker and the web server, as children of this process."""
