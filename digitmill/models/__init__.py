"""Models: what is published (manifest, registry) and what runs it (runtime, engines)."""
