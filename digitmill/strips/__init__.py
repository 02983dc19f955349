"""Several digits in one picture: their ink, the pieces it may be cut into, and the likeliest reading of them."""
