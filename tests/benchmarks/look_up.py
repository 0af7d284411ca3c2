"""What was measured of generated items: tables of items, looked up in a dataset.

    python tests/benchmarks/look_up.py gb1-doubles fitness0.csv fitness1.csv --item x --value y

A line for each table: how many of its items were measured, their mean, and the mean of the whole dataset.
"""

from __future__ import annotations

import argparse

import pandas as pd

from tests.benchmarks.dataset_files import dataset_file


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dataset", help="a dataset, fetched on first use, or a table")
    parser.add_argument("tables", nargs="+", help="tables with the column item")
    parser.add_argument("--item", required=True, help="the dataset's column of items")
    parser.add_argument("--value", required=True, help="its column of measured values")
    chosen = parser.parse_args()
    measured = pd.read_csv(dataset_file(chosen.dataset), usecols=[chosen.item, chosen.value])
    values = measured.groupby(chosen.item)[chosen.value].mean()
    for table in chosen.tables:
        items = pd.read_csv(table)["item"]
        found = values.reindex(items).dropna()
        print(f"{table}: {len(found)} of {len(items)} measured, mean {found.mean():.2f} (all: {values.mean():.2f})")


if __name__ == "__main__":
    main()
