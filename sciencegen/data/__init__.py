"""Data: dataset cards, fetching, streaming tables, killable workers and the preparation of a dataset."""
