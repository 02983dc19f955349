"""What runs a model's weights. Only the modules of this package import a deep-learning framework."""
