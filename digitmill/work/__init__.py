"""What a worker does: it takes chunks, has them done by the handler of their kind, and hands them in."""
