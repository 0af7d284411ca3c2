"""Oracles: what scores items, as functions, external programs or plugins, and a cache of the scores."""
