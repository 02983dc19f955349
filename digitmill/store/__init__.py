"""Where jobs and uploads lie: the job store (Redis, memory) and the blob store (any fsspec URL)."""
