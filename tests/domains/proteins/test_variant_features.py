"""What regressors see of variants: laws of the rows, and what a predictor learns from them."""

import json

import numpy as np
import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.features import MOST_PAIRS, Z_SCALES, blosum62, fit_variant_features, z_scales
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference, apply_variant
from sciencegen.errors import IncompatibleError
from sciencegen.items import Refusal
from sciencegen.metrics.numbers import spearman
from sciencegen.prediction import PredictorSettings, TrainingTables, fit_predictor
from sciencegen.prediction.columns import fit_columns
from tests.domains.proteins.examples import GB1, random_protein

SITES = (38, 39, 40, 53)
SETTINGS = PredictorSettings(families=("ridge", "curve", "product"), scale="auto", folds=4)


def variants(count: int, seed: int = 0, sites=SITES, most: int = 4, letters: str = ALPHABET) -> list[str]:
    """Of GB1, with up to so many of these sites changed."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        residues = list(GB1)
        for site in generator.choice(sites, generator.integers(0, most + 1), replace=False):
            residues[site] = letters[generator.integers(len(letters))]
        found.append("".join(residues))
    return found


def rows_of(features, items) -> np.ndarray:
    return np.stack(features.encode(items))


def parts_of(features, rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.cumsum([block.size for block in features.blocks])[:-1], axis=1)


def test_each_row_follows_from_its_item_alone():
    items = variants(60)
    features = DOMAIN.regression.fit(items)
    together = rows_of(features, items)
    assert together.dtype == np.float32
    alone = [rows_of(features, [item])[0] for item in items]
    assert all(one.tobytes() == other.tobytes() for one, other in zip(together, alone, strict=True))
    assert sum(block.size for block in features.blocks) == together.shape[1]


def test_the_order_of_the_known_items_does_not_matter():
    items = variants(60)
    first, second = DOMAIN.regression.fit(items, Reference(GB1)), DOMAIN.regression.fit(items[::-1], Reference(GB1))
    assert first == second


def test_saved_and_loaded_they_make_the_same_bytes():
    items = variants(60)
    features = DOMAIN.regression.fit(items, Reference(GB1, 5))
    again = DOMAIN.regression.load(json.loads(json.dumps(features.to_json())))
    assert again == features
    assert rows_of(again, items).tobytes() == rows_of(features, items).tobytes()
    with pytest.raises(IncompatibleError, match="variants"):
        DOMAIN.regression.load({**features.to_json(), "alphabet": "ACGT"})


def test_the_sequence_can_be_read_off_the_residues():
    items = variants(60)
    features = DOMAIN.regression.fit(items)
    site, letter = features.columns
    for item, row in zip(items, rows_of(features, items), strict=True):
        ones = np.flatnonzero(row[: len(site)])
        read = list(features.reference.sequence)
        for one in ones:
            read[features.sites[site[one]]] = ALPHABET[letter[one]]
        assert "".join(read) == item
        assert len(ones) == len(features.sites)


def test_sites_are_where_variants_differ_from_each_other_or_from_the_wild_type():
    items = variants(80)
    assert tuple(DOMAIN.regression.fit(items).sites) == SITES
    other = "A" + GB1[1:]
    assert tuple(DOMAIN.regression.fit(items, Reference(other)).sites) == (0, *SITES)


def test_without_a_wild_type_the_most_frequent_residues_are_one():
    assert DOMAIN.regression.fit(variants(80, most=1)).reference.sequence == GB1


def test_pairs_are_products_and_only_those_that_occur_twice():
    items = variants(200, letters="AGV")
    features = DOMAIN.regression.fit(items)
    residues, _, pairs, _ = parts_of(features, rows_of(features, items))
    site, letter = features.columns
    place = {pair: column for column, pair in enumerate(zip(site.tolist(), letter.tolist(), strict=True))}
    for column, (one, first, other, second) in enumerate(features.pairs):
        product = residues[:, place[one, first]] * residues[:, place[other, second]]
        assert np.array_equal(pairs[:, column], product)
        assert 2 <= product.sum() < len(items)
    assert len(features.pairs) <= MOST_PAIRS
    assert not DOMAIN.regression.fit(variants(60, sites=range(7), most=7)).pairs  # more than six sites


def test_changes_at_different_positions_add_up():
    features = DOMAIN.regression.fit(variants(60), Reference(GB1))
    names = ["V39A:D40W", "G41P:V54K", "V39A:D40W:G41P:V54K", "WT"]
    one, other, both, none = (
        parts_of(features, rows_of(features, [apply_variant(Reference(GB1), name)]))[-1][0] for name in names
    )
    assert np.allclose(one + other, both, atol=1e-5)
    assert not none.any()
    assert both[0] == 4


def test_what_was_not_seen_is_as_far_as_if_it_had_columns():
    """A position that never varied, and a residue that was never seen: the squared distances to every known variant in
    residues and in scales are those in the columns of features that know them."""
    items, strange = variants(60, letters="AGVDK"), [*variants(20, seed=3, sites=(3, 38, 50), most=3), GB1]
    few, all_ = DOMAIN.regression.fit(items), DOMAIN.regression.fit([*items, *strange])
    distances = []
    for features in (few, all_):
        known, new = (parts_of(features, rows_of(features, rows))[:2] for rows in (items, strange))
        distances.append([((b[:, None] - a[None]) ** 2).sum(2) for a, b in zip(known, new, strict=True)])
    for first, second in zip(*distances, strict=True):
        assert np.allclose(first, second, atol=1e-4)
    assert few.novel(strange).tolist() == [item not in items and bool(few.novel([item])[0]) for item in strange]


def test_novel_is_what_has_a_residue_that_no_known_variant_had_there():
    features = DOMAIN.regression.fit(variants(200, letters="AGV"), Reference(GB1))
    name = lambda text: apply_variant(Reference(GB1), text)  # noqa: E731
    asked = [GB1, name("V39A"), name("V39W"), name("K4A"), name("V39G:D40A"), GB1[:-1]]
    assert features.novel(asked).tolist() == [False, False, True, True, False, True]
    assert features.novel([]).tolist() == []


@pytest.mark.parametrize("item", [GB1[:-1], GB1 + "A", "MKV"])
def test_another_length_is_refused(item):
    features = DOMAIN.regression.fit(variants(60))
    found = features.encode([GB1, item])
    assert isinstance(found[0], np.ndarray)
    assert found[1] == Refusal(f"{len(item)} residues, where this predictor sees variants of 56")


def test_what_are_no_variants_of_one_protein_keeps_the_plain_features():
    generator = np.random.default_rng(0)
    assert fit_variant_features([*variants(10), GB1 + "A"]) is None  # it has features of edits
    assert DOMAIN.regression.fit([GB1] * 10) is None
    assert DOMAIN.regression.fit([random_protein(generator, 900) for _ in range(40)]) is None
    assert DOMAIN.regression.fit([]) is None
    assert DOMAIN.regression.fit([*variants(10), GB1 + "A"], Reference(GB1)) is not None  # which refuse the longer one


def test_descriptors_are_in_the_order_of_the_alphabet():
    assert set(Z_SCALES) == set(ALPHABET)
    assert np.allclose(z_scales().mean(0), 0)
    assert np.allclose(z_scales().std(0), 1)
    assert np.array_equal(blosum62(), blosum62().T)
    assert [blosum62()[ALPHABET.index(one), ALPHABET.index(two)] for one, two in ("WW", "AR", "CC")] == [11, -1, 9]


def additive(items: list[str]) -> np.ndarray:
    """An effect of each residue at each site, those of alike residues alike."""
    weights = np.random.default_rng(5).normal(0, 1, (len(GB1), z_scales().shape[1]))
    codes = np.array([[ALPHABET.index(letter) for letter in item] for item in items])
    wild = np.array([ALPHABET.index(letter) for letter in GB1])
    return ((z_scales()[codes] - z_scales()[wild]) * weights).sum((1, 2))


@pytest.mark.parametrize("shape", [lambda sums: sums, lambda sums: np.exp(0.3 * sums)], ids=["sum", "product"])
def test_a_landscape_of_effects_that_add_up_is_recovered(shape):
    items = variants(400, most=2)
    new = variants(200, seed=9, most=4)
    features = DOMAIN.regression.fit(items, Reference(GB1))
    values = shape(additive(items))
    tables = TrainingTables(rows_of(features, items), values, blocks=features.blocks)
    known = fit_predictor(tables, SETTINGS, np.random.default_rng(0))
    predicted, truth = known.predict(rows_of(features, new)).mean, shape(additive(new))
    assert spearman(truth, predicted) > 0.97
    assert known.scale.name == ("log" if values.min() > 0 else "linear")


def test_intervals_hold_at_positions_where_nothing_was_measured():
    """Calibrated for them; at random they would promise too much."""
    noise = np.random.default_rng(1)
    items = variants(450, seed=2, sites=range(0, 56, 2), most=1)
    new = [item for item in variants(500, seed=7, sites=range(1, 56, 2), most=1) if item != GB1]
    features = DOMAIN.regression.fit(items, Reference(GB1))
    values, truth = (additive(rows) + 0.3 * noise.standard_normal(len(rows)) for rows in (items, new))
    held = {}
    for name in ("positions", "random"):
        split = DOMAIN.regression.splits[name](items, features) if name == "positions" else None
        tables = TrainingTables(rows_of(features, items), values, blocks=features.blocks, split=split)
        known = fit_predictor(tables, SETTINGS, np.random.default_rng(0))
        found = known.predict(rows_of(features, new))
        held[name] = np.mean((found.lower <= truth) & (truth <= found.upper))
    assert held["positions"] > 0.84
    assert held["random"] < held["positions"]


def test_sums_and_products_are_nothing_that_distances_see():
    items = variants(60)
    features = DOMAIN.regression.fit(items)
    columns = fit_columns(rows_of(features, items), features.blocks)
    sizes = [block.size for block in features.blocks]
    assert columns.near is not None
    assert set(columns.kept[columns.near]) == set(range(sizes[0] + sizes[1]))
