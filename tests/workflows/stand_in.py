"""A `sciencegen` command that only makes the files that the real one would, and notes how it was called.

The file `slow` in its working folder, if there, names a rule's verb that sleeps; `exit` names one and its exit code;
`found` says of how many items generate, optimize or propose writes, instead of 100.
"""

import json
import os
import sys
import time
from pathlib import Path

MODEL = ("config.yaml", "representation.json", "metrics.json", "card.md", "weights.safetensors")


def flag(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def made(verb):
    """The files of one call."""
    output = Path(flag("-o"))
    if verb == "prepare":
        return [output / name for name in ("items.parquet", "dataset.json", "rejects.csv")]
    if verb == "train":
        return [output / name for name in MODEL]
    if verb == "predictor":
        return [output / "config.yaml"]
    if verb == "optimize":
        details = [Path(flag("--details")) / name for name in ("trace.csv", "scored.parquet", "summary.json")]
        structures = [Path(flag("--structures"))] if flag("--structures") else []
        return [output, output.with_suffix(".csv"), *structures, *details]
    if verb == "generate" and asked("found", verb) == "0":
        return []
    return [output, output.parent / "config.yaml"] if verb == "report" else [output]


def content(path, verb):
    """What the caller reads of a file; of others the verb stands for all."""
    found = int(asked("found", verb) or 100)
    if path.name == "summary.json":
        counts = {"candidates": found, "scored": 9, "feasible": found, "failed": 0, "known": 0, "alike": 0}
        return json.dumps({**counts, "met_by": {"sa <= 3": found}, "maximum_similarity": 0.7})
    return "item\n" + "C\n" * found if path.name in ("plate.csv", "samples.parquet") else verb


def asked(name, verb):
    """The second word of the note `name`, if it is about this verb."""
    words = Path(name).read_text().split() if Path(name).exists() else []
    return words[1] if words[:1] == [verb] else None


def main():
    verb = sys.argv[2] if sys.argv[1] == "datasets" or sys.argv[2] == "predictor" else sys.argv[1]
    with open("calls.jsonl", "a") as file:
        file.write(json.dumps({"verb": verb, "pid": os.getpid(), "words": sys.argv[1:]}) + "\n")
    print(f"{verb} speaks", file=sys.stderr, flush=True)
    time.sleep(float(asked("slow", verb) or 0))
    for path in made(verb):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content(path, verb))
    sys.exit(int(asked("exit", verb) or 0))


main()
