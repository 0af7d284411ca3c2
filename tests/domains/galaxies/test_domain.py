"""What holds of all the parts of the domain together."""

import base64
import io
import math
from dataclasses import replace

import galsim
import numpy as np
import pytest

from sciencegen.data.cards import load_card
from sciencegen.domains.galaxies import DOMAIN, galsim_object, galsim_psf
from sciencegen.domains.galaxies.features import RINGS, oriented
from sciencegen.errors import ConfigError
from sciencegen.files import sha256_of
from sciencegen.items import Refusal
from tests.domains.galaxies.examples import sersic, stamp

SHAPE = len(DOMAIN.properties) + len(RINGS) + 1
"""The first feature of the shape without the PSF."""


def test_every_property_is_an_oracle(observed, twins):
    assert set(DOMAIN.oracles.names()) >= set(DOMAIN.properties)
    for name in DOMAIN.properties:
        oracle = DOMAIN.oracles.find(name)
        assert (oracle.name, oracle.unit) == (name, DOMAIN.properties[name].unit)
        scores = oracle.score([*observed[:3], twins[0]])
        values = DOMAIN.measure([*observed[:3], twins[0]], [name])[:, 0]
        for score, value in zip(scores, values, strict=True):
            assert score.failed if math.isnan(value) else score.value == value
    with pytest.raises(ConfigError, match="Did you mean 'ellipticity'"):
        DOMAIN.oracles.find("elipticity")


def test_similarity(observed, twins):
    alike = DOMAIN.similarity.matrix(twins[:8], twins[:8])
    np.testing.assert_allclose(np.diag(alike), 1, atol=2e-3)
    np.testing.assert_allclose(alike, alike.T, atol=1e-3)
    assert ((alike >= 0) & (alike <= 1)).all()
    assert np.median(alike[np.triu_indices(8, 1)]) < 0.9
    turned = [oriented(one, 5) for one in twins[:8]]
    np.testing.assert_allclose(DOMAIN.similarity.matrix(turned, twins[:8]).diagonal(), 1, atol=0.12)
    most = DOMAIN.similarity.matrix(observed[:4], twins).max(1)
    np.testing.assert_allclose(DOMAIN.similarity.nearest(observed[:4], twins), most, rtol=1e-5)  # sums of other blocks
    oracle = DOMAIN.oracles.find(f"similarity to {DOMAIN.items.text(twins[3])}")
    assert oracle.score(twins[:8])[3].value == pytest.approx(1, abs=2e-3)
    with pytest.raises(ConfigError, match="Expected a galaxy to compare with"):
        DOMAIN.oracles.find("similarity to lost.fits[3]")


def test_small_moves_are_small_and_new(twins):
    generator = np.random.default_rng(0)
    moved = [DOMAIN.moves.mutate(one, generator) for one in twins]
    names = ["flux", "half_light_radius"]
    change = np.log(DOMAIN.measure(moved, names) / DOMAIN.measure(twins, names))
    assert (np.median(np.abs(change), 0) < 0.15).all()
    assert len({DOMAIN.items.key(one) for one in [*moved, *twins]}) == 2 * len(twins)
    again = [DOMAIN.moves.mutate(one, np.random.default_rng(7)) for one in twins[:2]]
    assert [DOMAIN.items.key(one) for one in again] == [
        DOMAIN.items.key(DOMAIN.moves.mutate(one, np.random.default_rng(7))) for one in twins[:2]
    ]


def test_a_mutation_turns_shears_and_magnifies_as_it_says():
    """A round galaxy under the affine map keeps its flux times the brightening, and its size times the growth."""
    generator, changes = np.random.default_rng(3), []
    one = stamp(sersic(1, 5))
    for _ in range(200):
        values = DOMAIN.measure([DOMAIN.moves.mutate(one, generator)], ["e1", "e2", "half_light_radius", "flux"])[0]
        changes.append(values)
    e1, e2, radius, flux = np.array(changes).T
    assert (e1.std(), e2.std()) == pytest.approx((0.05, 0.05), abs=0.012)
    assert np.log(radius).std() == pytest.approx(0.08, abs=0.012)
    assert np.log(flux).std() == pytest.approx(0.1, abs=0.015)


def test_noisy_stamps_are_only_turned(observed):
    moved = DOMAIN.moves.mutate(observed[0], np.random.default_rng(0))
    assert sorted(moved.image.ravel()) == sorted(observed[0].image.ravel())
    assert sorted(moved.psf.ravel()) == sorted(observed[0].psf.ravel())


@pytest.mark.parametrize("symmetry", range(8))
def test_the_eight_symmetries_have_inverses(observed, symmetry):
    one = observed[1]
    moved = oriented(one, symmetry)
    back = next(other for other in range(8) if DOMAIN.items.key(oriented(moved, other)) == DOMAIN.items.key(one))
    assert back == (symmetry if symmetry >= 4 else (4 - symmetry) % 4)


def test_features_are_finite(observed):
    features = DOMAIN.regression.features(observed)
    assert features.shape[0] == len(observed)
    assert np.isfinite(features).all()


def test_features_hold_the_shape_without_the_psf():
    """A round galaxy behind an elliptical PSF is told round, and an elliptical one behind a round one elliptical."""
    from scipy import ndimage

    for e1, psf_e1 in ((0.0, 0.2), (0.3, 0.0)):
        psf = galsim.Gaussian(sigma=1.5).shear(g1=psf_e1).drawImage(nx=21, ny=21, scale=1, method="no_pixel").array
        galaxy = ndimage.convolve(sersic(1, 5, g1=e1), psf, mode="constant")
        own = np.concatenate(
            [
                DOMAIN.regression.features([stamp(galaxy, psf=psf)]),
                DOMAIN.regression.features([stamp(sersic(1, 5, g1=e1))]),
            ]
        )
        assert own[:, SHAPE] == pytest.approx(e1, abs=0.03)
        assert own[0, SHAPE + 4] == pytest.approx(psf_e1 * 1.5**2 / (1.5**2 + 1), abs=0.02)


def test_pictures_are_the_same_each_time_and_hold_a_png(observed):
    page = DOMAIN.render(observed[0])
    assert page == DOMAIN.render(DOMAIN.items.parse(DOMAIN.items.text(observed[0])))
    assert page.startswith("<img ")
    assert 'width="160" height="160"' in page
    data = base64.b64decode(page.split("base64,")[1].split('"')[0])
    assert data.startswith(b"\x89PNG")


def test_a_picture_can_be_opened(observed, tmp_path):
    from matplotlib import image as reader

    data = base64.b64decode(DOMAIN.render(observed[0]).split("base64,")[1].split('"')[0])
    (tmp_path / "a.png").write_bytes(data)
    pixels = reader.imread(tmp_path / "a.png")
    assert pixels.shape[:2] == (64, 64)
    assert pixels[24:40, 24:40].mean() > 2 * pixels[:10, :10].mean()


def test_pictures_of_several_have_one_stretch(twins):
    faint = replace(twins[0], image=twins[0].image / 4)
    bright, dim = (_pixels(picture) for picture in DOMAIN.pictures.render_alike([twins[0], faint]))
    assert dim.max() < bright.max()
    assert (dim <= bright + 1e-6).all()
    np.testing.assert_allclose(_pixels(DOMAIN.render(faint)), _pixels(DOMAIN.render(twins[0])))
    assert DOMAIN.pictures.render_alike([]) == []


def _pixels(picture):
    from matplotlib import image as reader

    return reader.imread(io.BytesIO(base64.b64decode(picture.split("base64,")[1].split('"')[0])))


def test_colours_of_several_bands_and_one_grey(observed):
    image, variance = (np.repeat(part, 3, 0) for part in (observed[0].image, observed[0].variance))
    colours = _pixels(DOMAIN.render(replace(observed[0], image=image, variance=variance, bands=tuple("irg"))))
    grey = _pixels(DOMAIN.render(observed[0]))
    assert (colours.shape, grey.shape) == ((64, 64, 3), (64, 64))
    np.testing.assert_allclose(colours[..., 1], grey, atol=1 / 255)


@pytest.mark.parametrize(
    ("bands", "red"),
    [(("g", "r", "i"), 2), (("i", "r", "g"), 0), (("R", "G", "B"), 0), (("g", "r", "i", "Z"), 3), (("a", "b", "c"), 0)],
)
def test_the_longest_wavelength_is_red(observed, bands, red):
    factors = np.ones(len(bands))
    factors[red] = 3
    image = np.repeat(observed[0].image, len(bands), 0) * factors[:, None, None]
    variance = np.repeat(observed[0].variance, len(bands), 0)
    colours = _pixels(DOMAIN.render(replace(observed[0], image=image, variance=variance, bands=bands)))
    middle = colours[28:36, 28:36].mean((0, 1))
    assert middle[0] > middle[2] + 0.05


def test_a_stamp_without_a_source_says_why_it_has_no_measurements():
    rng = np.random.default_rng(0)
    empty = stamp(rng.normal(-0.1, 1, (32, 32)))
    told = {name: DOMAIN.oracles.find(name).score([empty])[0].failure for name in ("magnitude", "concentration")}
    assert told == {
        "magnitude": "can't be computed: the flux in the first band isn't positive",
        "concentration": "can't be computed: no source in the middle of the first band stands out of the noise",
    }


@pytest.mark.long
def test_distributions_are_compared(observed, twins):
    texts = [DOMAIN.items.text(one) for one in observed]
    same = DOMAIN.evaluate(texts, texts, texts)
    assert (same["valid"], same["unique"], same["novelty"], same["standardized_wasserstein_mean"]) == (1, 1, 0, 0)
    other = DOMAIN.evaluate(["nothing", *map(DOMAIN.items.text, twins)], texts)
    assert other["valid"] == pytest.approx(len(twins) / (len(twins) + 1))
    assert other["standardized_wasserstein_mean"] > 0.05
    assert "novelty" not in other
    assert set(DOMAIN.reference_sets.notes) >= {name for name in same if not name.startswith("count")}


def test_no_items_give_no_rows(twins):
    assert DOMAIN.measure([], ["flux"]).shape == (0, 1)
    assert DOMAIN.similarity.matrix([], twins[:1]).shape == (0, 1)
    assert DOMAIN.similarity.nearest([], twins[:1]).shape == (0,)
    assert np.array_equal(DOMAIN.similarity.nearest(twins[:1], []), [0.0])
    assert len(DOMAIN.regression.features([])) == 0
    assert DOMAIN.regression.groups([]) == []


def test_galaxies_have_no_patterns(twins):
    assert DOMAIN.moves.constraint([], [], None)(twins[0])
    with pytest.raises(ConfigError, match="this domain has none"):
        DOMAIN.moves.constraint(["spiral"], [], None)


class TestGalSim:
    """A stamp in GalSim's hands: nJy and arcsec."""

    def test_it_draws_the_stamp_again(self, twins):
        one = twins[0]
        drawn = galsim_object(one).drawImage(nx=64, ny=64, scale=one.pixel_scale, method="no_pixel").array
        np.testing.assert_allclose(drawn, one.image[0], atol=0.01 * one.image.max())

    def test_it_can_be_sheared(self):
        one = stamp(sersic(1, 5))
        sheared = galsim_object(one).shear(g1=0.1, g2=0.05)
        image = sheared.drawImage(nx=64, ny=64, scale=one.pixel_scale, method="no_pixel").array
        values = DOMAIN.measure([stamp(image)], ["flux", "e1", "e2"])[0]
        assert values == pytest.approx((1000, 0.1, 0.05), rel=0.1)

    def test_it_can_be_convolved_into_the_observed_stamp(self, simulated):
        one = simulated[2]
        seen = galsim.Convolve(galsim_object(one.twin), galsim_psf(one.observed))
        image = seen.drawImage(nx=64, ny=64, scale=one.twin.pixel_scale, method="no_pixel").array
        residual = one.observed.image[0] - image
        assert residual[4:-4, 4:-4].var() == pytest.approx(one.observed.variance[0], rel=0.15)
        assert galsim_psf(one.twin) is None


def test_the_samples_are_those_of_the_card():
    """Their bytes, and that simulating gives them again (the last bits of floating point apart)."""
    card = load_card("galaxies/simulated")
    for sample in card.samples.values():
        assert sha256_of(card.folder / sample.name) == sample.sha256
    rows = {split: list(parts) for split, parts in card.sample_rows(DOMAIN.items.read).items()}
    source = card.sources[0]
    for split, found in rows.items():
        assert len(found) == card.samples[split].rows
        made = DOMAIN.items.simulate(source.settings, source.seed, source.files[split], source.files[split] + 3)
        for row, (text, values) in zip(found, made, strict=False):
            kept, again = DOMAIN.items.parse(row.text), DOMAIN.items.parse(text)
            assert not isinstance(kept, Refusal)
            np.testing.assert_allclose(kept.image, again.image, atol=0.2 * kept.variance[0] ** 0.5)
            assert row.values["half_light_radius"] == pytest.approx(values["half_light_radius"], rel=1e-3)
