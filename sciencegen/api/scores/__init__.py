"""Scores of the items of a file and of variants of one item, chunk by chunk."""
