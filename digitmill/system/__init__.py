"""What the service asks of the machine: files of every kind, calls with a timeout, walls, log lines, spans."""
