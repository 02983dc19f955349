"""Webhooks: tell a caller's own server that a job is final, by the Standard Webhooks specification."""
