"""A golden record: the sha256 of what commands and Python calls write, to be compared before and after a change.

    python tests/golden.py record golden.json            # run every entry and write the digests
    python tests/golden.py compare golden.json           # run again; list what changed; exit code 1 if anything did
    python tests/golden.py compare golden.json --only propose --keep /tmp/new    # some entries; keep their files
    python tests/golden.py list                          # the entries, their commands and Python calls
    python tests/golden.py artefacts                     # write config, models, journal and data of the version in work
    python tests/golden.py artefacts FOLDER              # the same into another folder
    python tests/golden.py load FOLDER                   # check that today's code still uses such a folder

`PYTHONPATH=OTHER_CHECKOUT` runs another version of the package. Digests hold on one machine with one set of libraries,
which the file names. `tests/golden_record/` has the table of entries and the list of what is normalized.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from golden_record import artefacts
from golden_record.digests import Digests
from golden_record.entries import ENTRIES
from golden_record.record import compare, machine, needed, record_entries

OLD = Path(__file__).parent / "old_artefacts"
"""A folder for each version."""


def _record(names: Sequence[str], keep: str | None) -> dict[str, Digests]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="golden-") as folder:
            return record_entries(names, Path(folder).resolve())
    Path(keep).mkdir(parents=True)
    return record_entries(names, Path(keep).resolve())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("record", "compare", "list", "artefacts", "load"))
    parser.add_argument("path", nargs="?", help="the record, or for artefacts and load the folder")
    parser.add_argument("--only", action="append", default=[], help="entries whose name contains this; repeatable")
    parser.add_argument("--large", action="store_true", help="with artefacts: those of megabytes too")
    parser.add_argument("--keep", help="a new folder in which the entries' files stay")
    chosen = parser.parse_args()

    def asked(name: str) -> bool:
        return not chosen.only or any(part in name for part in chosen.only)

    names = [name for name in ENTRIES if asked(name)]
    if chosen.mode == "list":
        for name in names:
            print(f"{name}\n    " + ENTRIES[name].replace("\n", "\n    "))
        return 0
    if chosen.mode == "artefacts":
        left_out = () if chosen.large else artefacts.LARGE
        place = (
            Path(chosen.path) if chosen.path else artefacts.place_of_version(Path(__file__).parent / "old_artefacts")
        )
        return artefacts.write(place, [name for name in artefacts.MADE if name not in left_out and asked(name)])
    if chosen.path is None:
        parser.error("expected a path")
    if chosen.mode == "load":
        return artefacts.load(Path(chosen.path))
    wanted = needed(names)
    if chosen.mode == "record":
        found = _record(wanted, chosen.keep)
        text = json.dumps({"machine": machine(), "entries": found}, indent=1, sort_keys=True)
        Path(chosen.path).write_text(text + "\n")
        return 0
    before = json.loads(Path(chosen.path).read_text())
    return compare(before, {"machine": machine(), "entries": _record(wanted, chosen.keep)})


if __name__ == "__main__":
    sys.exit(main())
