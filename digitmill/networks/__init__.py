"""Networks as lists of layers: what each layer may say, what it makes of the shape before it, and lists to begin with.

Loads no framework.
"""
