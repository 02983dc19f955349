"""How good a model is: on held-out digits, on sources that it never saw, on pictures that are no digits."""
