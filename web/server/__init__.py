"""How the server talks: connections, requests that come in, threads that wait, streams, what processes share."""
