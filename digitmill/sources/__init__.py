"""Images that lie elsewhere already: where they may lie, and how they are copied into an upload."""
