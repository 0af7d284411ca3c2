"""A fuzzer of every border: files, settings, goals, folders, journals, archives. `python -m tests.fuzz --help`.

A case is a file with one damage. It is drawn from the seed, the border and its number, so that it can be repeated.
"""
