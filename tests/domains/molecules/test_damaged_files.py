"""Damaged files of molecules: each row is a molecule or a reason, and a cut gzip file is an error."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.structure_files import parse_structure, read_structures
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from tests.damage import damaged, read_all

SMILES = [
    Chem.CanonSmiles(one) for one in ("CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "C[C@H](N)C(=O)O", "[O-][n+]1ccccc1")
]
CASES = 60


def record(smiles: str, new: bool) -> str:
    molecule = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(molecule)
    block = Chem.MolToMolBlock(molecule, forceV3000=new)
    return f"{block}>  <logp>\n1.5\n\n$$$$\n"


def parquet(path: Path) -> bytes:
    pq.write_table(pa.table({"smiles": SMILES, "logp": [1.0, 2.0, None, 3.0, 4.0]}), path, compression="gzip")
    return path.read_bytes()


TEXTS = {
    ".smi": "".join(f"{smiles} name{at}\n" for at, smiles in enumerate(SMILES)),
    ".sdf": "".join(record(smiles, at % 2 == 1) for at, smiles in enumerate(SMILES)),
    ".csv": "smiles,logp\n" + "".join(f'"{smiles}",{at}.5\n' for at, smiles in enumerate(SMILES)),
}
WATER = "3\nwater\nO 0.0 0.0 0.1\nH 0.0 0.76 -0.5\nH 0.0 -0.76 -0.5\n"
STRUCTURES = {
    ".xyz": 5 * WATER,
    ".sdf": TEXTS[".sdf"],
    ".csv": "smiles,Elements,XYZ_Ang\n" + 5 * "O,\"['O','H','H']\",\"[[0,0,0.1],[0,0.76,-0.5],[0,-0.76,-0.5]]\"\n",
}


def is_sound(found) -> bool:
    return isinstance(found, Chem.Mol) or bool(found.reason)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", [*TEXTS, ".parquet"])
def test_damage_is_a_refusal(tmp_path, ending, packed):
    path = tmp_path / f"a{ending}"
    whole = TEXTS[ending].encode() if ending in TEXTS else parquet(path)
    if packed and ending in TEXTS:
        whole, path = gzip.compress(whole, mtime=0), tmp_path / f"a{ending}.gz"
    for spoilt in (whole, *damaged(whole, CASES, seed=3)):
        path.write_bytes(spoilt)
        assert all(map(is_sound, read_all(DOMAIN.items.read, DOMAIN.items.parse, path) or []))


@pytest.mark.parametrize("ending", STRUCTURES)
def test_damage_of_structures_is_a_refusal(tmp_path, ending):
    path, whole = tmp_path / f"a{ending}", STRUCTURES[ending].encode()
    for spoilt in (whole, *damaged(whole, CASES, seed=4)):
        path.write_bytes(spoilt)
        assert all(map(is_sound, read_all(read_structures, parse_structure, path) or []))


@pytest.mark.parametrize("ending", [".smi", ".sdf", ".csv"])
def test_a_cut_archive_says_how_many_lines_are_whole(tmp_path, ending):
    whole = (TEXTS[ending] * 300).encode()
    packed = gzip.compress(whole, mtime=0)
    path = tmp_path / f"a{ending}.gz"
    for place in (len(packed) // 3, len(packed) - 9, len(packed) - 1):
        path.write_bytes(packed[:place])
        with pytest.raises(
            DataError, match=r"a damaged one \(Compressed file ended .*\), of which \d+ lines are whole"
        ):
            list(DOMAIN.items.read(path, None))
    path.write_bytes(packed[:-1])
    with pytest.raises(DataError, match=f"of which {whole.count(bytes([10]))} lines are whole"):
        list(DOMAIN.items.read(path, None))


def test_a_parquet_file_cut_anywhere_is_an_error(tmp_path):
    whole = parquet(tmp_path / "a.parquet")
    for place in range(5, len(whole), 40):
        (tmp_path / "a.parquet").write_bytes(whole[:place])
        assert read_all(DOMAIN.items.read, DOMAIN.items.parse, tmp_path / "a.parquet") is None


def test_a_record_that_names_an_unknown_block_is_refused(tmp_path):
    spoilt = record("CCO", True).replace("BEGIN ATOM", "BEGIN ATOMS").replace(" C ", " Xx ")
    (tmp_path / "a.sdf").write_text(spoilt + record("CCO", False))
    first, second = map(DOMAIN.items.parse, (row.text for row in DOMAIN.items.read(tmp_path / "a.sdf", None)))
    assert isinstance(first, Refusal)
    assert DOMAIN.items.text(second) == "CCO"
