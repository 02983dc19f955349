"""The desk of the model owner: publish, train, and say which jobs a model gets."""
