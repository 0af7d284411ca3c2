"""Searches for items that meet goals, and campaigns that choose what to measure next."""
