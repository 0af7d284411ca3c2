"""Domains and their forms by name, and the tasks that worker processes do with their items."""
