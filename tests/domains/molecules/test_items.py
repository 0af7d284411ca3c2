"""Parsing: what must be refused is, what is equal has one key, and nothing crashes."""

import random
import string

import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN, items
from sciencegen.items import Refusal

REFUSED = {
    "": "empty",
    "C C O": "' '",
    " CCO": "' '",
    "CC\u041e": "u041e",
    "CC–O": "u2013",
    "CC\0O": "x00",
    "CC\tO": "\\t",
    "CC\n": "\\n",
    "CC*": "'*'",
    "[*:1]CC": "'*'",
    "C~C": "'~'",
    "[H][H]": "no heavy atoms",
    "[H+]": "no heavy atoms",
    "C1CC": "not a valid SMILES",
    "C((": "not a valid SMILES",
    "CC>>CO": "not a valid SMILES",
    "CN(C)(C)(C)C": "valence",
    "c1cccc1": "kekulize",
    "C" * 201: "201 heavy atoms",
    "C" * 600: "about 600 atoms",
    "C" * 20_000: "20000 characters",
    "(" * 30_000 + ")" * 30_000: "60000 characters",
    "$$$$ unreadable molfile record": "unreadable molfile record",
    "$$$$ \x1b[31m": "\\x1b[31m",
    "$CCO": "not a valid SMILES",
    "CC |^1:0|": "CXSMILES",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:12]))
def test_refusals_say_why(text):
    result = DOMAIN.items.parse(text)
    assert isinstance(result, Refusal)
    assert REFUSED[text] in result.reason


@pytest.mark.parametrize("value", [None, 3.5, float("nan"), b"CCO"])
def test_only_text_is_a_molecule(value):
    assert "expected a SMILES string" in DOMAIN.items.parse(value).reason


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("OCC", "CCO"),
        ("C(C)O", "CCO"),
        ("C1=CC=CC=C1", "c1ccccc1"),
        ("CC(=O)[O-].[Na+]", "CC(=O)O"),
        ("CC(=O)O.CC[NH3+].[Cl-]", "CC(=O)O"),
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O"),
        ("C[N+](C)(C)C.[Cl-]", "C[N+](C)(C)C"),
        ("O.O.O.CO", "CO"),
        ("CS(C)(=O)=O.CCCC.[Na]", "CS(C)(=O)=O"),
        ("C[N+](=O)[O-]", "C[N+](=O)[O-]"),
        ("F[C@](Cl)(Br)I", "F[C@](Cl)(Br)I"),
        ("[H]C([H])([H])O[H]", "CO"),
        ("[13CH4]", "[13CH4]"),
    ],
)
def test_standard_form(text, standard):
    assert DOMAIN.items.text(DOMAIN.items.parse(text)) == standard


def test_stereoisomers_and_isotopes_are_different_things():
    keys = {
        DOMAIN.items.key(DOMAIN.items.parse(text))
        for text in ("F[C@](Cl)(Br)I", "F[C@@](Cl)(Br)I", "FC(Cl)(Br)I", "F[13C](Cl)(Br)I")
    }
    assert len(keys) == 4


def test_text_is_read_back_as_the_same_item(mutants):
    for molecule in mutants[:500]:
        assert DOMAIN.items.key(DOMAIN.items.parse(DOMAIN.items.text(molecule))) == DOMAIN.items.key(molecule)


def test_key_does_not_depend_on_how_the_molecule_was_written(mutants):
    for number, molecule in enumerate(mutants[:300]):
        shuffled = Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=number + 1)[0]
        assert DOMAIN.items.key(DOMAIN.items.parse(shuffled)) == DOMAIN.items.key(molecule)


def test_the_remembered_text_is_the_canonical_smiles(mutants):
    for molecule in mutants[:100]:
        DOMAIN.items.text(molecule)
        assert DOMAIN.items.text(molecule) == Chem.MolToSmiles(molecule)


def test_200_heavy_atoms_are_accepted_and_hydrogens_do_not_count():
    assert DOMAIN.items.parse("C" * items.MAX_HEAVY_ATOMS).GetNumAtoms() == 200
    assert DOMAIN.items.parse("[H]" + "C" * 150 + "[H]").GetNumAtoms() == 150


PIECES = [
    "C", "c", "N", "n", "O", "o", "S", "s", "P", "F", "Cl", "Br", "I", "B", "[nH]", "[Na+]", "[Pt]", "[U]", "[13C]",
    "[2H]", "[Fe+2]", "[C@H]", "[C@@]", "[O-]", "[NH4+]", "[N+]", "[Xe]", "[Og]", "[999C]", "[C-2]", "[CH9]", "*",
    "[*]", "=", "#", "$", ":", "-", "/", "\\", "(", ")", ".", "1", "2", "%10", "%(123)", "%", "[", "]", "~", ">", "{",
    "&", "?", "|", "c1ccccc1", "C1CC1", "C(=O)N", "N[C@@H](C)C(=O)", "\u00e9", "\u041e", "\u200b", "\0", "\x7f", " ",
    "\t", "\r", "\U0001f9ea",
]  # fmt: skip


def exotic_texts(count=5000, seed=11):
    """Malformed, exotic and huge strings, the same every time."""
    chooser = random.Random(seed)
    fixed = [
        *REFUSED,
        "N[C@@H](CC)C(=O)" * 500,
        "N[C@@H](C)C(=O)" * 60 + "O",
        "C" * 1_000_000,
        "[" * 1000,
        "C(" * 330 + "C" + ")" * 330,
        "(" * 499 + "C" + ")" * 499,
        "c1ccccc1" * 100,
        "C1CC1" * 190,
        "c1" + "c" * 190 + "1",
        "c1" + "n" * 191 + "1",
        "C/C=C/" * 60 + "C",
        "C[C@H](O)" * 60 + "C",
        "C" + "".join(f"%{n}" for n in range(10, 100)),
        "".join(f"[U]%{n}%{n + 1}" for n in range(10, 98)),
        "[Cu+2].[O-]S(=O)(=O)[O-].O.O.O.O.O",
        "F[P-](F)(F)(F)(F)F.CCCCn1cc[n+](C)c1",
        "[Cl-]." * 160 + "CCO",
        "O=[Cl](=O)(=O)O",
        "C[Si](C)(C)O[Sn](C)C",
        "[99999999999999999999C]",
        "[C+99999999999]",
        "[CH99999999999]",
        "C%(99999999999)C",
        "C1" * 400,
    ]
    yield from fixed
    for number in range(count - len(fixed)):
        kind, length = number % 4, chooser.randint(1, 60)
        if kind == 0:
            yield "".join(chooser.choice(PIECES) for _ in range(length))
        elif kind == 1:
            yield "".join(chooser.choice(string.printable) for _ in range(length))
        elif kind == 2:
            yield "".join(chooser.choice(PIECES[:30]) for _ in range(length))
        else:
            base = list("CC(=O)Nc1ccc(O[C@H]2CCN(C)C2)cc1.Cl")
            base[chooser.randrange(len(base))] = chooser.choice(PIECES)
            yield "".join(base)


def test_5000_exotic_texts_give_a_molecule_or_a_reason():
    texts = list(exotic_texts())
    assert len(texts) == 5000
    accepted = 0
    for text in texts:
        result = DOMAIN.items.parse(text)
        if isinstance(result, Refusal):
            assert result.reason
            continue
        accepted += 1
        assert 0 < result.GetNumHeavyAtoms() <= items.MAX_HEAVY_ATOMS
        assert len(Chem.GetMolFrags(result)) == 1
        assert DOMAIN.items.parse(DOMAIN.items.text(result)) is not None
    assert accepted > 200


def marked_texts(count=4000, seed=12):
    """Centres with a geometry (@SP1, @TB5, @OH12) and any number of ligands, in chains, rings, salts and mixtures."""
    chooser = random.Random(seed)
    numbers, ligands = (
        {"SP": 3, "TB": 20, "OH": 30, "AL": 2, "TH": 2},
        ["F", "Cl", "Br", "N", "O", "C", "CC", "S", "[NH3+]"],
    )
    for _ in range(count):
        geometry = chooser.choice(list(numbers))
        hydrogens, charge = chooser.choice(["", "", "H", "H2"]), chooser.choice(["", "", "+", "-"])
        mark = f"@{geometry}{chooser.randint(1, numbers[geometry])}"
        centre = f"[{chooser.choice(['C', 'C', 'N', 'P', 'S', 'Pt', 'Fe'])}{mark}{hydrogens}{charge}]"
        first, *others, last = chooser.choices(ligands, k=chooser.randint(2, 6))
        branches = "".join(f"({one})" for one in others)
        yield chooser.choice(["{}{}{}{}", "{}{}1{}{}CC1", "{}{}{}{}.[Cl-]", "C{}{}{}{}"]).format(
            first, centre, branches, last
        )


def test_marks_of_a_geometry_survive_the_round_trip():
    accepted = 0
    for text in marked_texts():
        molecule = DOMAIN.items.parse(text)
        if not isinstance(molecule, Refusal):
            accepted += 1
            again = DOMAIN.items.parse(DOMAIN.items.text(molecule))
            assert DOMAIN.items.text(again) == DOMAIN.items.text(molecule), text
    assert accepted > 1000


def test_a_geometry_with_all_its_ligands_is_kept():
    cis, trans = (DOMAIN.items.parse(f"[NH3][Pt@SP{number}]([NH3])(Cl)Cl") for number in (1, 2))
    assert DOMAIN.items.key(cis) != DOMAIN.items.key(trans)
    assert DOMAIN.items.key(DOMAIN.items.parse("F[C@OH30](CC)C")) == DOMAIN.items.key(DOMAIN.items.parse("CC[C](C)F"))
