"""A job from its submission to its end: what it leaves open, whether it may come in, how long it is kept."""
