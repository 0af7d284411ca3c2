"""Outputs of sequences: each file holds what its ending can."""

import pytest

from sciencegen.api.writing.results import claim_sequences, open_sequences
from sciencegen.api.writing.writer import OutputOptions
from sciencegen.domains import load_domain
from sciencegen.errors import ConfigError
from tests.domains.proteins.backbones.examples import chains

BACKBONES = load_domain("proteins/structures")


@pytest.mark.parametrize("name", ["out.fasta", "out.txt", "out.fa.gz", "out.cif", "out.csv", "out.parquet"])
def test_sequences_of_items_go_to_files_of_either(tmp_path, name):
    """The plain domain's files hold the column of sequences, others the items with them."""
    item = chains()[0]
    rows = {"id": ["a-1"], "item": [BACKBONES.items.text(item)], "sequence": [item.sequence], "rank": [1]}
    claim_sequences("proteins/structures", str(tmp_path / name), False)
    with open_sequences("proteins/structures", str(tmp_path / name), list(rows), OutputOptions()) as writer:
        writer.write(rows)
    whole = not name.startswith(("out.f", "out.t"))
    domain = BACKBONES if whole else load_domain("proteins")
    (row,) = domain.items.read(tmp_path / name, None)
    assert row.id == "a-1"
    assert domain.items.key(domain.items.parse(row.text)) == (BACKBONES.items.key(item) if whole else item.sequence)


def test_an_unknown_ending_of_sequences_names_those_of_both(tmp_path):
    with pytest.raises(ConfigError, match=r"\.parquet, \.fasta, \.pdb, \.ent, \.cif"):
        claim_sequences("proteins/structures", str(tmp_path / "out.xyz"), False)
