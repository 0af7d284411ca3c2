"""Datasets of words, prepared in one worker process."""

import csv

from sciencegen.data.prepare import PreparationOptions
from sciencegen.data.prepare import prepare as prepare_dataset
from sciencegen.data.prepared import ItemFunctions
from sciencegen.items import Row
from tests.data import words


def prepare(rows, output, encode=None, processes=1, chunk=4, source=None, overwrite=False, progress=None, **options):
    functions = ItemFunctions(words.parse_and_measure, ("length", "vowels"), encode)
    chosen = PreparationOptions(processes=processes, chunk=chunk, timeout_s=0.5, **options)
    return prepare_dataset(rows, functions, output, chosen, source, overwrite, progress)


def as_rows(names, **columns):
    return [Row(i + 2, name, {k: v[i] for k, v in columns.items()}) for i, name in enumerate(names)]


def rejects(dataset):
    with open(dataset.rejects_path, newline="") as handle:
        return [(int(row["line"]), row["item"], row["reason"]) for row in csv.DictReader(handle)]


def letters(number):
    return "".join(chr(97 + int(digit)) for digit in str(number))
