"""Conditions, goals and requirements of plates, parsed and checked, and the oracles that their names mean."""
