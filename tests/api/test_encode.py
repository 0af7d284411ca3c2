"""Latents in files, and the output for texts that can't be decoded."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.encode import Decoded, decode_latents, write_encoded
from sciencegen.api.models.folder import Encoded
from sciencegen.config import DecodeSettings
from sciencegen.domains.molecules.items import parse
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Origin, Refusal
from sciencegen.latent.explorer import LatentSpace

FOUND = Encoded(np.ones((1, 2), np.float32), np.array([1]), ["CCO"], [""], [(1, "junk", "no item")])


def test_latents_and_refusals_stand_beside_each_other(tmp_path):
    output = tmp_path / "z.npz"
    write_encoded("molecules", str(output), FOUND)
    assert FOUND.summary == {"encoded": 1, "refused": 1, "ledger": {"rows": 2, "encoded": 1, "refused": 1}}
    with np.load(output) as arrays:
        assert arrays["latent"].tolist() == [[1.0, 1.0]]
        assert arrays["index"].tolist() == [1]
    assert pd.read_csv(f"{output}.rejects.csv")["line"].tolist() == [1]
    with pytest.raises(ConfigError, match=r"ends in \.npz"):
        write_encoded("molecules", "z.csv", SimpleNamespace())


def test_a_latent_that_stands_for_nothing_keeps_its_line(tmp_path):
    decoded = Decoded("molecules", ["CCO", "", "C"], [(2, "", "no molecule")], Origin("decode"), "molecules")
    assert decoded.summary == {"decoded": 2, "refused": 1, "ledger": {"rows": 3, "decoded": 2, "refused": 1}}
    decoded.write(str(tmp_path / "x.smi"))
    assert (tmp_path / "x.smi").read_text().split("\n")[:3] == ["CCO", "", "C"]


def test_reasons_are_about_the_latent_and_no_given_text(monkeypatch):
    monkeypatch.setattr(LatentSpace, "decode_items", lambda *given: [parse("c1cccc1"), parse("C")])
    decoded = decode_latents("molecules", np.zeros((2, 64), np.float32), DecodeSettings(threads=1))
    ((number, text, reason),) = decoded.refused
    assert (number, text) == (1, "")
    assert reason.startswith("the latent decodes to no item: Can't kekulize")


def test_a_note_says_which_items_do_not_come_back(monkeypatch):
    known = sg.encode("molecules", ["CCO", "CCN"], threads=1)
    assert known.notes == ()
    monkeypatch.setattr(LatentSpace, "decode_items", lambda self, latents: [parse("CCO")] * len(latents))
    (note,) = sg.encode("molecules", ["CCO", "CCN"], threads=1).notes
    assert note == "1 of 2 items are not reconstructed from their latents, such as CCN"
    (other,) = sg.encode("molecules", ["CCO", "CCN"], model="molecules-moses", threads=1).notes
    assert other == f"{note} (`model` molecules may)"


def test_decode_says_which_rows_are_not_what_was_encoded(monkeypatch, tmp_path):
    sg.encode("molecules", ["CCO", "CCN", "CCC"], threads=1).write(tmp_path / "z.npz")
    whole = sg.decode("molecules", tmp_path / "z.npz", threads=1)
    assert whole.table["reconstructed"].all()
    book = {"rows": 3, "decoded": 3}
    assert whole.summary == {"decoded": 3, "refused": 0, "not_reconstructed": 0, "ledger": book}
    assert whole.notes == ()
    several = [parse("CCO"), parse("CCF"), Refusal("none")]
    monkeypatch.setattr(LatentSpace, "decode_items", lambda self, latents, rows=None: several)
    found = sg.decode("molecules", tmp_path / "z.npz", threads=1)
    assert found.table["reconstructed"].tolist() == [True, False, False]
    assert found.summary["not_reconstructed"] == 2
    assert found.notes == (
        "2 of 3 rows are not the items that their latents were encoded from: in row 2 CCN became CCF",
    )  # fmt: skip
    found.write(tmp_path / "back.csv")
    assert pd.read_csv(tmp_path / "back.csv")["reconstructed"].tolist() == [True, False, False]
    found.write(tmp_path / "back.smi")
    assert (tmp_path / "back.smi").read_text() == "CCO\nCCF\n\n"
    assert "reconstructed" not in sg.decode("molecules", np.zeros((3, 64), np.float32), threads=1).table


def test_a_note_says_what_reading_a_salt_leaves_out():
    notes = sg.encode("molecules", ["CC(=O)Oc1ccccc1C(=O)O", "CC(=O)[O-].[Na+]"], threads=1).notes
    assert [note for note in notes if "salts" in note and note.endswith("line 2")]


def test_latents_that_hold_everything_take_no_condition():
    with pytest.raises(ConfigError, match="Draw under a condition with generate"):
        sg.decode("molecules", np.zeros((1, 32), np.float32), where="qed=0.9", threads=1)


def test_an_error_quotes_the_begin_of_a_long_item():
    with pytest.raises(DataError, match="two items that can be encoded") as error:
        sg.interpolate("molecules", "C" * 100_000, "CCN", 3, threads=1)
    assert len(str(error.value)) < 500
