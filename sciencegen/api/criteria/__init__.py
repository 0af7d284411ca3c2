"""Conditions, goals and constraints of plates: parsing, checks, and the oracles that their names refer to."""
