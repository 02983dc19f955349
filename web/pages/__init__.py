"""Pages for people. What they show and change goes by way of the HTTP API, or is read as the API reads it."""
