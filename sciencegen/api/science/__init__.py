"""Domains and their forms by name, and tasks on their items for worker processes."""
