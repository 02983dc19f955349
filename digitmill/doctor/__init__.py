"""What is stuck in a service, why, and what would mend it."""
