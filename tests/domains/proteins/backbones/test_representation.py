"""Backbones as tensors and back, the distribution of lengths, and what training refuses."""

import json

import numpy as np
import pytest
import torch

from sciencegen.domains.proteins.backbones import representation as representations
from sciencegen.domains.proteins.backbones.diffusion import typical_conditions
from sciencegen.domains.proteins.backbones.items import Backbone, backbone, text
from sciencegen.domains.proteins.backbones.metrics import measure
from sciencegen.domains.proteins.backbones.relaxation import relaxed
from sciencegen.errors import DataError, UnknownNameError
from tests.domains.proteins.backbones.examples import built, chains, needs_structures, random_chain
from tests.domains.proteins.backbones.real import holdout

NAMES = ("length", "helix", "strand")


def fitted(items, names=NAMES):
    return representations.fit([text(one) for one in items], measure(items, names), names)


def test_decoded_chains_have_the_shape_of_the_encoded_ones():
    items = list(chains())
    representation = fitted(items)
    batch = representation.batch(representation.encode(items), measure(items, NAMES))
    assert batch["trace"].shape == (8, 34, 3)
    assert not batch["atoms"][~batch.mask].any()
    assert not batch["trace"][~batch.mask].any()
    atoms = [item.coordinates[:, :3] for item in items]
    unrelaxed = [relaxed(one) is one for one in atoms]  # random chains may clash
    assert sum(unrelaxed) >= 3
    for item, back, same in zip(items, representation.decode(batch), unrelaxed, strict=True):
        centred = item.coordinates - item.trace.mean(0)
        assert np.allclose(back.coordinates - back.trace.mean(0), centred, atol=3e-3) == same
        assert back.sequence == "X" * len(item)
    assert representation.well_formed(batch, representation.decode(batch)).mean() >= 0.6  # others have a clash


def test_estimates_keep_their_bonds_as_they_are():
    items = list(chains())
    representation = fitted(items)
    batch = representation.batch(representation.encode(items))
    batch.fields["atoms"] *= 1.2
    for finished, estimate, places in zip(
        representation.decode(batch),
        representation.decode_estimates(batch),
        representations.places_of(batch),
        strict=True,
    ):
        np.testing.assert_allclose(estimate.coordinates[:, :3], places, atol=6e-4)
        assert not np.allclose(finished.coordinates[:, :3], places, atol=0.01)


@needs_structures
def test_natural_chains_are_well_formed():
    items = holdout(6)
    representation = fitted(items)
    batch = representation.batch(representation.encode(items))
    assert representation.well_formed(batch, representation.decode(batch)).mean() >= 0.6  # others have a clash
    assert 0.3 < batch["trace"][batch.mask].std() < 2
    assert 0.8 < batch["atoms"][batch.mask].std() < 1.2


def reloaded(content):
    return representations.load(json.loads(json.dumps(content)))


@pytest.mark.parametrize("names", [NAMES, ()])
def test_it_is_read_as_it_was_saved(names):
    representation = fitted(chains(), names)
    back = reloaded(representation.to_json())
    assert back.to_json() == representation.to_json()
    assert back.known.shape == (len(back.lengths), len(names)) == (8, len(names))


@pytest.mark.parametrize("names", [NAMES, ()])
def test_one_of_an_earlier_version_has_no_conditions_of_training_chains(names):
    content = {
        key: value for key, value in fitted(chains(), names).to_json().items() if key not in ("lengths", "known")
    }
    assert reloaded(content).known.shape == (0, len(names))
    typical = typical_conditions(reloaded(content))
    assert typical.complete(torch.zeros(2, 3), torch.tensor([20, 22]), None) is None


def test_it_is_saved_as_json():
    representation = fitted(chains())
    back = reloaded(representation.to_json())
    assert np.array_equal(back.counts, representation.counts)
    assert np.isnan(back.condition({})).all()
    moments = back.standardization
    assert back.condition({"length": 20})[0] == pytest.approx((20 - moments.mean[0]) / moments.std[0])
    with pytest.raises(UnknownNameError):
        back.condition({"weight": 1})


def test_lengths_follow_those_of_training_and_close_gaps():
    items = [random_chain(seed, 20 if seed < 6 else 80) for seed in range(8)]
    representation = fitted(items, ("helix",))
    assert (representation.sizes[0], representation.sizes[-1]) == (20, 80)
    share = representation.counts / representation.counts.sum()
    assert share[:30].sum() == pytest.approx(0.75, abs=0.05)
    assert (share > 0).all()


def test_broken_long_and_missing_chains_are_refused():
    whole = random_chain(0, 40)
    representation = fitted([whole, random_chain(1, 30)])
    places = whole.coordinates.copy()
    places[20:] += 9
    torn = Backbone(places, whole.sequence, whole.numbers)
    long = random_chain(2, 50)
    reasons = [one.reason for one in representation.encode([torn, long])]
    assert reasons[0] == "the chain breaks after residue 20, and 1 times in all"
    assert "the model has seen at most 40" in reasons[1]
    assert representation.encode([whole])[0].shape == (40, 3, 3)
    assert "12 residues; the model has seen 30 or more" in representation.encode([random_chain(2, 12)])[0].reason
    with pytest.raises(DataError, match="found none"):
        representations.fit([text(torn)], np.zeros((1, 0)), ())


def test_clashing_and_broken_draws_are_malformed():
    hairpin = built([(-120.0, 130.0)] * 15 + [(90.0, 0.0), (90.0, 0.0)] + [(-120.0, 130.0)] * 15)
    representation = fitted([hairpin, random_chain(0, 40)])
    batch = representation.batch(representation.encode([hairpin]))
    squeezed = type(batch)({name: 0 * value for name, value in batch.fields.items()}, batch.mask)
    assert not representation.well_formed(squeezed, representation.decode(squeezed)).any()
    lost = type(batch)({name: value * torch.nan for name, value in batch.fields.items()}, batch.mask)
    assert "no coordinates" in representation.decode(lost)[0].reason
    assert backbone(hairpin.coordinates).sequence == "X" * 32
