"""Figures of matplotlib for papers and notebooks, with the colours of the report on a white page."""
