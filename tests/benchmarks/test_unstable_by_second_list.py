"""The shares of molecules that a second list flags."""

from tests.benchmarks.unstable_by_second_list import HEADER, UNSTABLE, catalog, line, names_in

NITROSAMINE, ISONITRILE, PLAIN = "CCN(N=O)CC", "[C-]#[N+]c1ccccc1", "CCOc1ccccc1"


def test_a_group_that_a_given_molecule_has_is_not_introduced(tmp_path):
    made, ligands = tmp_path / "made.smi", tmp_path / "ligands.smi"
    made.write_text(f"{NITROSAMINE}\n{ISONITRILE}\n{PLAIN}\n{PLAIN}C\n")
    ligands.write_text("O=NN1CCCC1\n")
    catalogs = {name: catalog(name) for name in UNSTABLE}

    def figures(given: set[str] | None) -> dict[str, str]:
        return dict(zip(HEADER.split(", "), line(made, catalogs, given).split(", "), strict=False))

    known = names_in([ligands], catalogs)
    assert "nitrosamine" in known
    assert (figures(known)["by the second list"], figures(known)["introduced"]) == ("50.0%", "25.0%")
    assert figures(set())["introduced"] == "50.0%"
    assert figures(None)["introduced"] == ""
