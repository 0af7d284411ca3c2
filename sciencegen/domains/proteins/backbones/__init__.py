"""Backbones of protein chains: items, files, secondary structure, and the diffusion model that draws them."""
