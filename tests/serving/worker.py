"""Stands in for the command in tests of servers: it draws numbers, slowly if it should, and can be stopped and killed.

worker.py draw [-n N] [--pause S] [--fail TEXT | --crash | --die] --output=FILE [--force] --json -- KIND
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from sciencegen.progress import JOB


def outcome(code: int, error: str = "") -> None:
    place = Path(os.environ[JOB]) / "outcome.json"
    place.write_text(json.dumps({"exit_code": code, "error": error, "notes": ["a note"]}))
    sys.exit(code)


def main(words: list[str]) -> None:
    options = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))
    output = Path(options["output"])
    if output.exists() and "force" not in options:
        outcome(2, f"{output} exists.")
    if "crash" in options:
        raise ZeroDivisionError("crashed")
    if "die" in options:
        os.kill(os.getpid(), signal.SIGKILL)
    if "fail" in options:
        outcome(3, options["fail"])
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    number = int(words[words.index("-n") + 1]) if "-n" in words else 3
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output, "w") as file:
        print("item,value,kind,good", file=file, flush=True)
        for row in range(number):
            if stopped:
                outcome(143)
            print(f"i{row},{row / 2},{words[-1]},{'true' if row else ''}", file=file, flush=True)
            (Path(os.environ[JOB]) / "progress.json").write_text(
                json.dumps({"what": "drawing", "done": row + 1, "total": number, "note": ""})
            )
            time.sleep(float(options.get("pause", 0)))
    print(json.dumps({"written": number, "cwd": os.getcwd(), "safe": sys.flags.safe_path}))
    outcome(0)


if __name__ == "__main__":
    main(sys.argv[1:])
