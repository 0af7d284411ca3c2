"""Biopython's sequences as items, those without letters included."""

import pytest
from Bio.Seq import MutableSeq, Seq
from Bio.SeqRecord import SeqRecord

from sciencegen.domains.proteins.items import OBJECTS, parse


@pytest.mark.parametrize("given", [Seq("mkv*"), MutableSeq("MKV"), SeqRecord(Seq("MKV"), id="x")], ids=repr)
def test_sequences(given):
    assert parse(OBJECTS.text(given)) == "MKV"


@pytest.mark.parametrize("given", [Seq(None, 5), SeqRecord(None), SeqRecord(Seq("")), Seq("")], ids=repr)
def test_sequences_without_letters_are_empty(given):
    assert parse(OBJECTS.text(given)).reason == "empty"
