"""Tables of words that a test writes, and their rows as they are read."""

from sciencegen.data.tables import read_table

NAMES = ("item", "word")


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def rows(path, column=None):
    return [(row.line, row.text, dict(row.values)) for row in read_table(path, NAMES, column)]
