"""Molecules of which a list that the filter of implausible groups was not built from says the same.

    python tests/benchmarks/unstable_by_second_list.py results.csv plate.csv --given ligands.csv

The filter's sources are textbooks, Hann et al. 1999, Walters & Murcko 2002 and Bundgaard & Johansen 1980. The second
list are alerts of RDKit's catalogs CHEMBL_BMS (Pearce et al., J. Chem. Inf. Model. 2006, 46, 1060) and
CHEMBL_SureChEMBL that name groups which decompose or can't be isolated; they were chosen by their names, before any
molecule was looked at. Some are broader than their names: `Nitrosone_not_nitro` flags any single bond of N and O, such
as that of hydroxamic acids, `cyanohydrin` aminonitriles, and `alpha_halo_heteroatom` also S-CH2-F. Beside it is the
share that any alert of the two catalogs flags: most name what is reactive or toxic, and measured ligands have many.

A series may have such a group itself, and what continues it has it too. `introduced` is therefore the share of
molecules with an alert of the second list that no molecule of `--given` has: the ligands that the model was tuned on,
that the predictor learned from, or that were measured before the plate. Without `--given` the column is empty.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rdkit import Chem, RDLogger
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import is_plausible
from sciencegen.items import Refusal

UNSTABLE = {
    "CHEMBL_BMS": (
        "CH2_S#O_3_ring activated_diazo acyl_cyanide alpha_halo_amine alpha_halo_heteroatom alpha_halo_heteroatom_tert "
        "anhydride azo_amino bad_cations carbonyl_halide cyanohydrin diamino_sulfide diazo_carbonyl diazonium "
        "halogen_heteroatom hyperval_sulfur isonitrile nitrosamine non_ring_CH2O_acetal ortho_hydroiminoquinone "
        "oxaziridine oxonium para_hydroiminoquinone peroxide phosphite phosphorane phosphorus_phosphorus_bond "
        "polysulfide quat_N_N quat_N_acyl quinone_methide sulf_D2_nitrogen sulf_D2_oxygen_D2 sulf_D3_nitrogen "
        "sulfonyl_anhydride sulfonyl_halide thiopyrylium thiosulfoxide"
    ),
    "CHEMBL_SureChEMBL": (
        "Adjacent_Ring_Double_Bonds AlkylEnamine Azanitrone Chloramidine Cyanohydrin Diazoalkane Diazonium_Salt Imine2 "
        "N-S_(not_sulfonamides) N-halo Nitrosone_not_nitro Orthoester P_or_S_Halides Phosphorus_Halide Polysulfide "
        "Pyrylium Ring_Triple_Bond Sulphur_Halide Tetraazinane Tri_Pentavalent_S acid_halides azoalkanals "
        "geminal_amines imines_(not_ring) ketene nitroso peroxide phosphorane"
    ),
}
"""Catalog -> names of its alerts for groups that aren't stable."""


def catalog(name: str) -> FilterCatalog:
    parameters = FilterCatalogParams()
    parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog(parameters)


def alerts(molecule: Chem.Mol, catalogs: dict[str, FilterCatalog]) -> tuple[set[str], bool]:
    """Names of the second list in a molecule, and whether any alert of the catalogs is."""
    found = {(source, match.GetDescription()) for source, one in catalogs.items() for match in one.GetMatches(molecule)}
    return {name for source, name in found if name in UNSTABLE[source].split()}, bool(found)


HEADER = "table, molecules, by the filter, by the second list, introduced, by any alert of its catalogs, the commonest"


def molecules_of(path: Path) -> list[Chem.Mol]:
    """The molecules of a file, without rows that are refused."""
    items = [DOMAIN.items.parse(row.text) for row in DOMAIN.items.read(path, None)]
    return [item for item in items if not isinstance(item, Refusal)]


def names_in(paths: Iterable[Path], catalogs: dict[str, FilterCatalog]) -> set[str]:
    """Alerts of the second list that at least one molecule of the files has."""
    return {name for path in paths for molecule in molecules_of(path) for name in alerts(molecule, catalogs)[0]}


def line(path: Path, catalogs: dict[str, FilterCatalog], given: set[str] | None = None) -> str:
    """The figures of a file of molecules, as `HEADER` names them; `given` are the alerts of the given molecules."""
    molecules = molecules_of(path)
    found = [alerts(molecule, catalogs) for molecule in molecules]

    def share(flags: Iterable[bool]) -> str:
        return f"{sum(flags) / len(molecules):.1%}"

    figures = [
        share(not is_plausible(molecule) for molecule in molecules),
        share(bool(names) for names, _ in found),
        "" if given is None else share(bool(names - given) for names, _ in found),
        share(flagged for _, flagged in found),
    ]
    commonest = Counter(name for names, _ in found for name in names).most_common(5)
    return ", ".join(map(str, [path.stem, len(molecules), *figures, commonest]))


def report(paths: Iterable[Path], given: Mapping[Path, Sequence[Path]]) -> None:
    """Print the figures of each file; `given` has the files of the molecules that a file was made from."""
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    catalogs = {name: catalog(name) for name in UNSTABLE}
    print(HEADER)
    for path in paths:
        known = names_in(given[path], catalogs) if path in given else None
        print(line(path, catalogs, known), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--given", nargs="+", type=Path, default=[], help="Tables that all of these were made from.")
    options = parser.parse_args()
    report(options.tables, {path: options.given for path in options.tables} if options.given else {})


if __name__ == "__main__":
    main()
