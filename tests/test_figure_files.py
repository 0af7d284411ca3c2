"""Each file that a command of the pages of figures reads is made on its page, in the repository, or sourced."""

import itertools
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "figures").glob("*.md"))
ENDINGS = (".csv", ".tsv.gz", ".csv.gz", ".smi", ".npz", ".pdb", ".a2m", ".a2m.gz", ".fasta", ".data", ".cif", ".zip")
WRITES = ("-o", ">", "--output")


def read_and_made(page: str) -> tuple[set[str], set[str]]:
    """Files that the commands of a page read, and the first parts of the paths that they write."""
    read, made = set[str](), set[str]()
    for block in re.findall(r"```bash[^\n]*\n(.*?)```", page, re.S):
        for line in block.splitlines():
            words = shlex.split(re.sub(r"\s#.*$", "", line).replace(">", " > "))
            for before, word in itertools.pairwise(words):
                if before in WRITES or "unzip" in words:
                    made |= {word.split("/")[0], word.split("/")[-1]}
                else:
                    parts = [] if " " in word else re.split("[=,]", word)
                    read |= {one for one in parts if one.endswith(ENDINGS)}
                    made |= {word} if "drug_like_set.py" in line else set()
                    if also := re.search(r"# \w+, also (.*)", line):  # the same command with other numbers
                        made |= {f"fitness{number}.csv" for number in also[1].split(", ")}
    return read, made


def unsourced(page: str, sources: str) -> set[str]:
    read, made = read_and_made(page)
    named = set(re.findall(r"`([^`]+)`", sources))
    return {
        one
        for one in read
        if not (ROOT / one).exists()
        and one.split("/")[0] not in made
        and one not in named
        and one.split("/")[0] + "/" not in named
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_of_a_figure_is_made_or_sourced(page: Path):
    sources = (ROOT / "datasets" / "README.md").read_text().split("## Files of the figures")[1].split("\n## ")[0]
    assert not unsourced(page.read_text(), sources)


def test_a_file_from_nowhere_is_found():
    page = (
        "```bash\nsciencegen score molecules mine.csv -o scored.csv\nsciencegen map molecules --data scored.csv\n```\n"
    )
    assert unsourced(page, "") == {"mine.csv"}
    assert not unsourced(page, "`mine.csv`")
