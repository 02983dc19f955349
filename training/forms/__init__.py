"""Form pages that were never printed: laid out, captured as scanners and phones do, with the truth of every box."""
