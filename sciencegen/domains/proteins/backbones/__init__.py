"""Protein backbones: chains of residues with the coordinates of N, CA, C and O."""
