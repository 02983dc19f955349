"""Files of pictures: every format, one entry each, what a file holds, and its pixels as grey pictures under limits."""
