"""The description by which sets of galaxies are compared: what is done to them shows, the more the farther."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from sciencegen.domains.galaxies import DOMAIN, galsim_object
from sciencegen.domains.galaxies.features import oriented
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.metrics import SIZE, compact_residuals, morphology, morphology_distance
from sciencegen.domains.galaxies.survey import SurveySettings, binned, chosen_survey, draw_galaxy, draw_scene

COUNT = 60
SURVEY = chosen_survey(SurveySettings())


def drawn(start: int, knots: float = 1.0) -> list[Stamp]:
    """Galaxies without PSF and noise; knots: of the light of theirs that is left."""
    made = []
    for number in range(start, start + COUNT):
        generator = np.random.default_rng([9, number])
        galaxy = draw_galaxy(generator, SURVEY.bright, SURVEY.faint, (0.0,), (0.2, 1.07))
        if galaxy.knots is not None:
            galaxy = replace(galaxy, knots=replace(galaxy.knots, shares=knots * galaxy.knots.shares))
        image = binned(draw_scene(galaxy, SURVEY, 64, generator.uniform(-0.5, 0.5, 2)))
        made.append(Stamp(image.astype(np.float32), 0.1, None, np.zeros(1, np.float32), ("VIS",)))
    return made


@pytest.fixture(scope="module")
def galaxies() -> list[Stamp]:
    return drawn(0)


@pytest.fixture(scope="module")
def held_out() -> list[Stamp]:
    return drawn(COUNT)


@pytest.fixture(scope="module")
def known(galaxies):
    return morphology(galaxies)


def blurred(stamp, amount):
    return replace(stamp, image=ndimage.gaussian_filter(stamp.image, (0, amount, amount)))


def sheared(stamp, amount):
    found = galsim_object(stamp).shear(g1=amount).drawImage(nx=64, ny=64, scale=0.1, method="no_pixel").array
    return replace(stamp, image=found[None])


def dimmed(stamp, amount):
    return replace(stamp, image=stamp.image * (1 - amount))


@pytest.mark.parametrize(
    ("change", "amounts"), [(blurred, (0.6, 1.2, 2)), (sheared, (0.1, 0.2, 0.3)), (dimmed, (0.2, 0.4, 0.6))]
)
def test_the_more_is_done_the_farther_they_are(galaxies, known, change, amounts):
    changed = [galaxies, *([change(one, amount) for one in galaxies] for amount in amounts)]
    found = [morphology_distance(morphology(stamps), known) for stamps in changed]
    assert found[0].frechet == pytest.approx(0, abs=1e-6)
    assert np.all(np.diff([one.frechet for one in found]) > 0.01)
    assert found[-1].manifold.density < found[0].manifold.density


def test_missing_knots_show(galaxies, known):
    found = [morphology_distance(morphology(drawn(0, left)), known) for left in (1.0, 0.6, 0.3, 0.0)]
    assert np.all(np.diff([one.frechet for one in found]) > 0.01)
    assert found[3].manifold.recall < found[0].manifold.recall


def test_a_galaxy_has_no_up_or_left(galaxies):
    found = morphology([oriented(galaxies[0], symmetry) for symmetry in range(8)])
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape), rtol=1e-4)


def test_what_has_no_light_has_no_description(galaxies):
    dark = replace(galaxies[0], image=-galaxies[0].image)
    small = replace(galaxies[1], image=galaxies[1].image[:, 16:48, 16:48])
    found = morphology([galaxies[0], dark, small])
    assert np.isfinite(found).all(1).tolist() == [True, False, True]
    assert morphology([]).shape == (0, SIZE)
    assert morphology_distance(found, found) is None


@pytest.mark.long
def test_evaluate_sees_noise_free_samples_as_the_reference_and_finds_copies(galaxies, held_out):
    conditions = DOMAIN.observation.fit([one.observed for one in _observed(3)])
    texts = [[DOMAIN.items.text(one) for one in conditions.observed(part, 1)] for part in (held_out, galaxies)]
    reference, training = texts
    free = DOMAIN.evaluate([DOMAIN.items.text(one) for one in galaxies], reference, training)
    assert free["count_observed"] == COUNT
    unseen = morphology_distance(morphology(galaxies), morphology([DOMAIN.items.parse(text) for text in reference]))
    assert free["frechet_morphology"] < unseen.frechet / 5
    assert free["nearer"] > 0.7  # the training stamps are these galaxies, with other noise
    copies = DOMAIN.evaluate(training[:60], reference, training)
    assert (copies["copied"], copies["novelty"], copies["count_observed"]) == (1, 0, 0)
    assert 0.5 < free["coverage"] <= 1
    assert free["spectra"] < 2 * free["spectra_halves"]
    assert abs(free["classifier_auc"] - 0.5) < abs(copies["classifier_auc"] - 0.5) + 0.2
    assert set(DOMAIN.reference_sets.notes) >= {name for name in free if not name.startswith("count")}


def _observed(count):
    from sciencegen.domains.galaxies.survey import simulate

    return list(simulate(SurveySettings(), 1, 0, count))


@pytest.mark.parametrize(("peak", "found"), [(0.0, 0.0), (12.0, 1.0)])
def test_a_bright_pixel_beyond_the_galaxy_is_a_compact_residual(peak, found):
    y, x = np.mgrid[:64, :64] - 31.5
    image = 40 * np.exp(-np.hypot(x, y) / 3) + np.random.default_rng(0).normal(0, 1, (64, 64))
    image[8, 50] += peak
    assert compact_residuals([Stamp.of(image, 0.1, 1.0)]) == found
