"""The latent map of items: their places, their columns, and what a page in a browser asks about them."""
