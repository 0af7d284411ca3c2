"""Backbones of protein chains: items, files, secondary structure, metrics, and the diffusion model that draws them."""
