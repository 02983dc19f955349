"""Labelled pictures: the public sets, files of every kind, an owner's own; which are of one scan, what is left out."""
