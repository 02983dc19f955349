"""What keeps the store whole: the sweep, the purge, the backup."""
