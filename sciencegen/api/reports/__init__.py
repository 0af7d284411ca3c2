"""The content of report pages, read from a run's folder or a campaign's journal."""
