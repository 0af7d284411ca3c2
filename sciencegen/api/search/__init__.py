"""The search space of a model, known items, and tables of results."""
