"""From a crop of one digit to the picture that a model reads: paper, ink, printed lines, neighbours."""
