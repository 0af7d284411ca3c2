"""How likely a model finds a stamp, and how odd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.api.models.folder import load_model
from sciencegen.diffusion.images import ImageDiffusionSettings
from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.domains.galaxies import restoration as likelihood
from sciencegen.domains.galaxies.headers import gaussian_psf
from sciencegen.domains.galaxies.items import Stamp, standardize, text
from sciencegen.domains.galaxies.models import RECIPES
from sciencegen.domains.galaxies.observation import observed
from sciencegen.domains.galaxies.representation import fit_observed
from sciencegen.domains.galaxies.restoration import (
    SAMPLES,
    TIMES,
    Anomaly,
    StampBound,
    exposure_statistics,
    fit_expected_bound,
)
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.domains.likelihoods import CodesItems, code_figures
from sciencegen.items import Refusal
from sciencegen.networks.unet import UNetSettings
from sciencegen.scoring.oracles import SEED


@pytest.fixture(scope="module")
def loaded():
    return load_model("galaxies", "galaxies", "cpu")


@pytest.fixture(scope="module")
def oracles(loaded, tmp_path_factory):
    """Beside a few draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood, "DRAWS", 64)
        patch.setenv("SCIENCEGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = loaded.oracles
        found["anomaly"].oracle.expected_bound  # noqa: B018
        yield found


def afresh(name, make):
    return make()


def values(oracle, stamps) -> list[float]:
    return [one.value for one in oracle.score(stamps)]


# --- what is expected -------------------------------------------------------------------------------------------------


def invented(generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds that are quadratic in how stamps are seen, spread the more the brighter."""
    seen = generator.uniform([2, 1, 0], [6, 4, 1], (count, 3))
    s, noise, width = seen.T
    return seen, -50 * s + 4 * s**2 - 7 * noise * width - 30 * width**2 + np.exp(0.6 * s) * generator.normal(
        0, 1, count
    )


def test_a_deviation_is_in_standard_deviations_whatever_the_brightness():
    generator = np.random.default_rng(0)
    usual = fit_expected_bound(*invented(generator, 2000))
    seen, bounds = invented(generator, 3000)
    deviations = usual.deviation(seen, bounds)
    for part in np.array_split(deviations[np.argsort(seen[:, 0])], 3):
        assert abs(part.mean()) < 0.15
        assert part.std() == pytest.approx(1, abs=0.3)  # without: 0.3 to 1.8


def test_odd_draws_are_no_measure_of_what_is_usual():
    generator = np.random.default_rng(1)
    seen, bounds = invented(generator, 2000)
    bounds[::20] -= 1e5
    assert abs(np.median(fit_expected_bound(seen, bounds).deviation(*invented(generator, 2000)))) < 0.15


def test_beyond_the_draws_nothing_is_extrapolated():
    seen, bounds = invented(np.random.default_rng(2), 500)
    usual = fit_expected_bound(seen, bounds)
    (edge, beyond) = usual.deviation(np.array([seen.max(0), seen.max(0) + 9]), np.zeros(2))
    assert edge == beyond


def test_draws_that_are_all_seen_alike_are_a_measure_too():
    seen, bounds = invented(np.random.default_rng(3), 500)
    seen[:, 1:] = 2.0
    deviations = fit_expected_bound(seen, bounds).deviation(seen, bounds)
    assert np.isfinite(deviations).all()
    assert abs(np.median(deviations)) < 0.2


def test_how_a_stamp_is_seen():
    psf = np.zeros((9, 9), np.float32)
    psf[3:7, 3:7] = 1 / 16
    stamp = Stamp(np.full((2, 8, 8), 3.0), 0.1, psf, np.array([4.0, 1.0]), ("g", "r"))
    ratio, noise, width = exposure_statistics(stamp)
    assert ratio == pytest.approx(np.log(128 * 3 / np.sqrt(64 * 5)))
    assert (noise, width) == (pytest.approx(np.log(2) / 2), pytest.approx(np.log(4)))
    assert exposure_statistics(replace(stamp, image=-stamp.image, psf=None))[[0, 2]].tolist() == [0, 0]


# --- the variational autoencoder --------------------------------------------------------------------------------------


def test_log_likelihood_is_the_strict_bound_of_each_pixel(loaded, oracles, observed):
    (stamp,) = observed[:1]
    batch = loaded.representation.batch(loaded.representation.encode([stamp]))
    bound = loaded.model.bound(batch, SAMPLES, misfit=0.0)
    assert values(oracles["log_likelihood"], [stamp]) == [pytest.approx(float(bound) / 64**2)]
    assert float(bound) != pytest.approx(float(loaded.model.bound(batch, SAMPLES)))


def test_a_code_has_little_more_bits_than_the_noise(oracles, observed, twins):
    """Of pixels in sixteenths of the noise: white noise alone has log2(16 sqrt(2 pi e)) bits."""
    oracle = oracles["log_likelihood"].oracle
    assert isinstance(oracle, CodesItems)
    some = observed[:20]
    codes = oracle.code_lengths(some)
    assert len(codes) == len(some)
    for code, stamp, nats in zip(codes, some, values(oracle, some), strict=True):
        steps = np.log2(np.sqrt(stamp.variance) / 16).mean()
        assert code.values == stamp.image.size
        assert code.bits / code.values == pytest.approx(-nats / np.log(2) - steps, rel=1e-4)
    found = code_figures(codes)["bits_per_value"]
    assert 0 < found - np.log2(16 * np.sqrt(2 * np.pi * np.e)) < 1
    assert oracle.code_lengths([stamp for stamp in twins if stamp.noise_free]) == []


def test_a_score_depends_on_nothing_but_the_stamp(oracles, observed):
    for oracle in oracles.values():
        together = values(oracle, observed[:3])
        assert values(oracle, observed[2::-1]) == together[::-1]


@pytest.mark.long
def test_each_reading_of_the_model_says_the_same_and_only_the_first_draws(
    loaded, oracles, observed, tmp_path, monkeypatch
):
    monkeypatch.setattr(likelihood, "DRAWS", 64)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path))
    known = values(oracles["anomaly"], observed[:2])
    assert values(replace(loaded).oracles["anomaly"], observed[:2]) == known
    with monkeypatch.context() as patch:
        patch.setattr(likelihood, "drawn", None)
        assert values(replace(loaded).oracles["anomaly"], observed[:2]) == known
    for change in ("DRAWS", "OBSERVED_ALIKE"):
        with monkeypatch.context() as patch:
            patch.setattr(likelihood, "drawn", None)
            patch.setattr(likelihood, change, 32)
            with pytest.raises(TypeError):
                values(replace(loaded).oracles["anomaly"], observed[:2])


def test_what_no_galaxy_has_is_odd_and_what_it_has_is_not(oracles, observed):
    def marked(stamp: Stamp) -> Stamp:
        """With a streak and a hot column."""
        light = np.zeros(stamp.image.shape)
        light[0, range(12, 20), range(40, 48)] = 25
        light[0, :, 9] = 4
        return standardize(replace(stamp, image=stamp.image + light * np.sqrt(stamp.variance[0]), source=""))

    plain, odd = (np.array(values(oracles["anomaly"], part)) for part in (observed[:16], map(marked, observed[:16])))
    assert (odd > plain + 1).all()
    assert np.median(np.abs(plain)) < 2
    assert np.median(odd) > 4


@pytest.mark.long
def test_noise_and_blur_change_the_likelihood_and_hardly_the_anomaly(oracles, simulated):
    generator = np.random.default_rng(0)
    wide = np.exp(-0.5 * (np.hypot(*np.mgrid[-8:9, -8:9]) / 1.1) ** 2)

    def seen(psf: np.ndarray | None, noise: float):
        psfs = [one.observed.psf if psf is None else psf for one in simulated[:16]]
        pairs = zip(simulated, psfs, strict=False)
        stamps = [observed(one.twin, psf, one.observed.variance * noise**2, generator) for one, psf in pairs]
        return {name: np.median(values(oracle, stamps)) for name, oracle in oracles.items()}

    usual, loud, blurred = seen(None, 1), seen(None, 3), seen(wide, 1)
    assert loud["log_likelihood"] < usual["log_likelihood"] - 1
    assert all(abs(one["anomaly"] - usual["anomaly"]) < 1.5 for one in (loud, blurred))


def test_a_stamp_without_noise_is_judged_as_the_training_stamps_were_seen(loaded, oracles, twins):
    seen = loaded.representation.observation.instrument.observed(twins[:2], SEED)
    for oracle in oracles.values():
        assert values(oracle, twins[:2]) == values(oracle, seen)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda stamp: replace(stamp, image=stamp.image[:, :32, :32]), "expected 1 band"),
        (lambda stamp: replace(stamp, variance=np.zeros(1, np.float32)), "without noise has no likelihood"),
    ],
)
def test_what_can_t_be_judged_is_a_failure(oracles, observed, change, told):
    for oracle in oracles.values():
        (score,) = oracle.score([change(observed[0])])
        assert told in score.failure


@pytest.mark.parametrize("sharp", [True, False])
def test_a_model_of_stamps_without_noise_has_nothing_to_judge_by(loaded, observed, twins, sharp):
    bound = StampBound(lambda batch: torch.zeros(1), loaded.model, loaded.representation)
    drawn = [*twins, *twins][:40] if sharp else [Refusal("none")] * 40
    (score,) = Anomaly(bound, lambda: drawn, afresh).score(observed[:1])
    assert "learned from stamps without noise" in score.failure


@pytest.mark.long
def test_draws_are_seen_through_wider_psfs_and_other_noise(loaded, monkeypatch):
    monkeypatch.setattr(likelihood, "DRAWS", 64)
    made = list(likelihood.variously_observed(loaded.model, loaded.representation))
    kept = [
        exposure_statistics(Stamp(np.ones((1, 64, 64)), 0.1, psf, variance, ("r",)))
        for psf, variance in loaded.representation.instrument.exposures
    ]
    (_, noise, width), (low, high) = np.array([exposure_statistics(one) for one in made]).T, np.exp(np.ptp(kept, 0)[1:])
    assert 3 < np.exp(np.ptp(noise)) / low <= 16.01
    assert 2 < np.exp(np.ptp(width)) / high < 3.5


def test_psfs_of_bands_are_widened_each_by_its_own_width():
    narrow, wide = (gaussian_psf(fwhm, 0.339) for fwhm in (0.86, 1.6))
    margin = (len(wide) - len(narrow)) // 2
    planes = np.stack([np.pad(narrow, margin), wide])
    found = likelihood.blurred(planes, 0.6)
    for plane, before in zip(found, planes, strict=True):
        alone = likelihood.blurred(before, 0.6)
        edge = (found.shape[1] - len(alone)) // 2
        np.testing.assert_array_equal(plane, np.pad(alone, edge))


# --- the diffusion ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diffusion():
    stamps = [one.observed for one in simulate(SurveySettings(side=32), 4, 0, 12)]
    fitted = fit_observed([text(stamp) for stamp in stamps], np.empty((12, 0)), ())
    unet = UNetSettings(symmetry="none", width=4, multipliers=(1, 2), known=8)
    torch.manual_seed(0)
    settings = ImageDiffusionSettings(unet=unet, diffusion=DiffusionSettings(weighting="elbo", steps=2))
    return RECIPES["stamp-diffusion"].build(fitted, settings).eval(), fitted, stamps


def test_a_diffusion_s_bound_is_that_of_its_noise_levels(diffusion, monkeypatch):
    monkeypatch.setattr(likelihood, "OBSERVED_ALIKE", 32)
    model, fitted, stamps = diffusion
    oracles = RECIPES["stamp-diffusion"].oracles.make(model, fitted, afresh)
    assert tuple(oracles) == RECIPES["stamp-diffusion"].oracles.names
    batch = fitted.batch(fitted.encode(stamps[:1])).repeat_interleave(TIMES)
    (found,) = values(oracles["log_likelihood"], stamps[:1])
    assert found == pytest.approx(-float(model.terms(batch).nats.mean()) / 32**2)
    assert np.isfinite(values(oracles["anomaly"], stamps)).all()
    twin = next(simulate(SurveySettings(side=32), 4, 0, 1)).twin
    seen = fitted.instrument.observed([twin], SEED)
    assert values(oracles["log_likelihood"], [twin]) == values(oracles["log_likelihood"], seen)
