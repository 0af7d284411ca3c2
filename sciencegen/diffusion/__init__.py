"""Diffusion models: schedules, processes, losses, samplers, guidance and likelihoods."""
