"""Tables in files as columns and records."""

import pytest

from sciencegen.domains.tables.sources import open_source


def test_lost_letters_are_told_by_column(tmp_path):
    (tmp_path / "table.csv").write_bytes("x,city,name\n1,Köln,a\n2,Oslo,b\n".encode("latin-1"))
    with pytest.warns(UserWarning, match="letters in city are lost.*iconv -f latin1 -t utf-8 table.csv"):
        open_source(tmp_path / "table.csv")
