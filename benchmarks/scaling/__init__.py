"""Beyond one machine: what the service asks of Redis, measured, and many workers, simulated with those costs."""
