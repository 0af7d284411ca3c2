"""What is written: rows without an item stop no file, and a file that fails leaves none behind."""

from __future__ import annotations

import pandas as pd
import pytest
from rdkit import Chem

from sciencegen.api.outputs import OutputWriter, open_output


def test_a_row_without_an_item_is_listed_and_the_others_keep_their_names_and_values(tmp_path):
    path = tmp_path / "x.sdf"
    with open_output("molecules", str(path), ["item", "qed"], lambda items: items) as writer:
        writer.write({"item": ["CCO", ""], "qed": [0.4, float("nan")]})
        writer.write({"item": ["c1ccccc1"], "qed": [0.5]})
    molecules = list(Chem.SDMolSupplier(str(path)))
    assert [m.GetProp("_Name") for m in molecules] == ["1", "3"]
    assert [float(m.GetProp("qed")) for m in molecules] == [0.4, 0.5]
    assert pd.read_csv(f"{path}.rejects.csv")["line"].tolist() == [2]


def test_an_output_that_fails_leaves_no_half_of_its_rejects(tmp_path):
    class Full:
        def open(self):
            return

        def close(self, kept):
            raise OSError("disk full")

    writer = OutputWriter(str(tmp_path / "x.sdf"), Full())
    with pytest.raises(OSError, match="disk full"), writer:
        writer.reject([(1, "junk", "no molecule")])
    assert list(tmp_path.iterdir()) == []
