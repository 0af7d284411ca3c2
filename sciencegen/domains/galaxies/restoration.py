"""Deconvolved and denoised stamps with error bars, from samples of a model's posterior."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.data.observation import convolve
from sciencegen.diffusion.images import ObservedImageDiffusion
from sciencegen.diffusion.posterior import deconvolved_samples
from sciencegen.domains.capabilities import Restoration, Restored
from sciencegen.domains.galaxies.items import LARGEST_PSF, STEPS_PER_SIGMA, Stamp, per_band, standardize
from sciencegen.domains.galaxies.measurements import noise_correlation, sky_scatter
from sciencegen.domains.galaxies.observation import ObservingConditions, effective_variance, observed
from sciencegen.domains.galaxies.representation import ImageRepresentation, ObservedRepresentation
from sciencegen.domains.likelihoods import CodeLength
from sciencegen.domains.recipes import Remember
from sciencegen.items import Direction, Refusal
from sciencegen.metrics.images import radial_power_spectrum
from sciencegen.scoring.oracles import ForwardModelOracle, Oracle, Score
from sciencegen.vae.image_networks import noise_power
from sciencegen.vae.image_vae import ImageVAE, posterior_samples

ModelT = TypeVar("ModelT", bound=nn.Module)
ODD = 2.0
"""chi_squared above which intervals don't hold."""
NOISE_FREE = "has no noise: there is nothing to restore"
NO_PSF = "no PSF is given: only noise was removed, and sizes and fluxes are those of a blurred image"
LOST = "the model's numbers aren't finite for it: it is too far from what the model has learned"
BRIGHTEST = 1e15
"""nJy of a pixel whose square single precision holds by far: an AB magnitude of -6."""
RESAMPLED = (
    "resampled to the model's {side} x {side} pixels of {scale:g} arcsec; those beyond a stamp's edge are masked"
)
CORRELATED = "the noise of neighbouring pixels is correlated in its sky, and taken to be so"
UNLIKE = 1.25
"""Factor between the variance of the sky and the stated one from which that of the sky is taken."""
LITTLE_NOISE = "has less noise than the samples of this model would; take a stamp-vae"


def by_diffusion(
    model: ObservedImageDiffusion, representation: ObservedRepresentation, stamp: Stamp, samples: int, seed: int
) -> Restored | Refusal:
    """By draws of a diffusion model, given the stamp."""
    assert representation.least_variance is not None, "`unable` refuses such models"
    on_pixels = representation.fitted(stamp)
    if isinstance(on_pixels, Refusal):
        return on_pixels
    if not stamp.noise_free and (per_band(on_pixels.variance).min((1, 2)) < representation.least_variance).any():
        return Refusal(LITTLE_NOISE)
    return restored(deconvolved_samples, model, representation, stamp, samples, seed)


def by_autoencoder(
    model: ImageVAE, representation: ImageRepresentation, stamp: Stamp, samples: int, seed: int
) -> Restored | Refusal:
    """By samples of the posterior of a `stamp-vae`; the noise's correlation is that of the stamp's own sky, if the
    model knows none."""
    fitted = representation.fitted(stamp)
    if isinstance(fitted, Refusal) or fitted.noise_free or fitted.image.shape != representation.shape:
        return restored(posterior_samples, model, representation, stamp, samples, seed)
    if model.noise_power is not None:
        return restored(posterior_samples, model, representation, stamp, samples, seed)
    fitted, correlation = with_noise_of_sky(fitted)
    remarks = []
    if (fitted.side, fitted.pixel_scale) != (stamp.side, stamp.pixel_scale):
        remarks.append(RESAMPLED.format(side=fitted.side, scale=fitted.pixel_scale))
    sampled = posterior_samples
    if correlation is not None:
        power = noise_power(torch.from_numpy(correlation), fitted.side).to(next(model.parameters()).device)
        sampled = partial(posterior_samples, power=power)
        remarks.append(CORRELATED)
    found = restored(sampled, model, representation, fitted, samples, seed)
    return found if isinstance(found, Refusal) else replace(found, remarks=(*remarks, *found.remarks))


def with_noise_of_sky(stamp: Stamp) -> tuple[Stamp, Float[np.ndarray, "band v u"] | None]:
    """The stamp with the variance of its sky, where that is another than stated, and the sky's autocovariance in units
    of it, None where it is white. Masked pixels and those near the middle are no sky."""
    found = noise_correlation([stamp])
    scatter = sky_scatter(stamp) if found is None else found[:, found.shape[1] // 2, found.shape[2] // 2]
    if found is None and (np.isnan(scatter) | (np.abs(np.log(scatter)) < math.log(UNLIKE))).all():
        return stamp, None
    wide = stamp.variance * (scatter if stamp.variance.ndim == 1 else scatter[:, None, None])
    changed = standardize(replace(stamp, variance=wide.astype(np.float32)))
    if isinstance(changed, Refusal):
        return stamp, found
    return changed, None if found is None else (found / scatter[:, None, None]).astype(np.float32)


def restored(
    sampled: Callable[[ModelT, Batch, int, Generator], Tensor],
    model: ModelT,
    representation: ImageRepresentation,
    stamp: Stamp,
    samples: int,
    seed: int,
) -> Restored | Refusal:
    """The stamp without its PSF and noise: the mean of samples of p(galaxy | stamp), their variance in each pixel, and
    the samples. The random numbers depend on the seed alone.

    sampled: (model, one image, count, generator) -> images [sample band y x] without PSF and noise.
    """
    on_pixels = representation.fitted(stamp)
    if isinstance(on_pixels, Refusal):
        return on_pixels
    is_resampled, stamp = on_pixels is not stamp, on_pixels
    encoded = representation.encode([stamp])[0]
    if isinstance(encoded, Refusal):
        return encoded
    if stamp.noise_free:
        return Refusal(NOISE_FREE)
    brightest = float(np.abs(stamp.image).max())
    if brightest > BRIGHTEST:
        return Refusal(f"pixels of up to {brightest:.2g} nJy; at most {BRIGHTEST:g} are accepted: check the unit")
    batch = representation.batch([encoded]).to(next(model.parameters()).device)
    try:
        images = sampled(model, batch, samples, Generator().manual_seed(seed)).cpu().numpy()
    except np.linalg.LinAlgError:  # of numbers that aren't finite
        return Refusal(LOST)
    if not np.isfinite(images).all():
        return Refusal(LOST)
    made = [representation.stamp(image) for image in images]
    drawn = [replace(one, name=stamp.name) for one in made if isinstance(one, Stamp)]
    if len(drawn) < samples:
        reason = next(one.reason for one in made if isinstance(one, Refusal))
        return Refusal(f"a sample that the model drew for it can't be used: {reason}")
    mean = standardize(Stamp(images.mean(0), stamp.pixel_scale, None, images.var(0, ddof=1), stamp.bands, stamp.name))
    if isinstance(mean, Refusal):
        return mean
    told = [RESAMPLED.format(side=stamp.side, scale=stamp.pixel_scale)] if is_resampled else []
    remarks = (*told, *([NO_PSF] if stamp.psf is None else []))
    return Restored(mean, tuple(drawn), _agreement(images, stamp), remarks, stamp)


def _agreement(images: np.ndarray, stamp: Stamp) -> Mapping[str, float]:
    """How the restored stamp agrees with the observed one, and what of it the observation can tell."""
    mean, variance = images.mean(0, dtype=np.float64), per_band(stamp.variance)
    seen = mean if stamp.psf is None else convolve(mean, stamp.psf.astype(np.float64))
    shown = np.ones(stamp.image.shape, bool) if stamp.mask is None else np.broadcast_to(~stamp.mask, stamp.image.shape)
    missed = (stamp.image - seen) ** 2 / variance
    return {
        "chi_squared": float(missed[shown].mean()),
        "resolution": resolution(seen / np.sqrt(variance), stamp.pixel_scale),
    }


def resolution(seen: Float[np.ndarray, "band y x"], pixel_scale: float) -> float:
    """The finest period that an observation can tell, arcsec; infinite if there is none.

    That of the highest frequency up to which the power of the blurred image is above that of white noise of the stated
    variance, in the mean of the bands.
    """
    power = radial_power_spectrum(seen).mean(0)[1:]
    lost = power < 1
    told = int(lost.argmax()) if lost.any() else len(power)
    return seen.shape[-1] * pixel_scale / told if told else math.inf


def notes(agreements: Sequence[Mapping[str, float]]) -> list[str]:
    """A note if residuals of some stamps are much larger than the noise."""
    odd = sum(one["chi_squared"] > ODD for one in agreements)
    if not odd:
        return []
    what = "the model can't render these items, or their unit, noise or PSF is another than stated"
    return [f"{odd} of {len(agreements)} have a chi_squared above {ODD:g}: {what}; their intervals don't hold"]


def unable(representation: ObservedRepresentation) -> str:
    """Why a diffusion model can't restore, or ""."""
    if representation.least_variance is None:
        return "has learned from observed stamps alone; train one with noise-free ones, too, as those of simulated-deep"
    if representation.instrument.correlation is not None:
        return "has learned from stamps whose noise is correlated between pixels, which it ignores; use a stamp-vae"
    return ""


BY_AUTOENCODER = Restoration(
    restore=by_autoencoder,
    agreement=("chi_squared", "resolution"),
    properties=("flux", "half_light_radius", "e1", "e2"),
    notes=notes,
    origin=("variance: that of posterior samples, which is correlated between pixels, and no noise",),
)
BY_DIFFUSION = replace(
    BY_AUTOENCODER,
    restore=by_diffusion,
    unable=unable,
    origin=(*BY_AUTOENCODER.origin, "samples: with a sixteenth of the least noise of the training stamps"),
)


# The log-likelihood of a stamp under a model, and an anomaly score that compares it with the model's own samples.
#
# A likelihood alone depends mostly on how faint and noisy a stamp is, and may be high for anomalies (Nalisnick et al.
# 2019; Ren et al. 2019). Therefore the bound b of a stamp, in units of its noise, is compared with the bounds of
# samples of the model, observed with various PSFs and noise levels:
#
#     anomaly = (expected(t) - b) / spread(t),   t = log (signal-to-noise ratio of the sum, noise, width of the PSF)
#
# expected is quadratic in t, spread the exponential of a linear function; both are fitted to samples without
# outliers.

NAMES = ("log_likelihood", "anomaly")
SAMPLES = 4
"""Importance samples of a variational autoencoder's bound."""
TIMES = 8
"""Number of evenly spaced noise levels for a diffusion's bound."""
DRAWS, OBSERVED_ALIKE, AT_ONCE = 384, 128, 32
"""Number of a model's samples for comparison, since with fewer the error of the fit matters; the smaller number if all
are observed like the training stamps, as for a diffusion model. Batch size of sampling."""
SEED = 1810_0999
NOISIER, WIDER = 4.0, 0.65
"""Maximum factor by which the noise of samples is stronger or weaker than that of training stamps; maximum blur of
their PSFs relative to the width, which makes them two and a half times as wide."""
TOO_WIDE = 1.5
"""Width of a PSF relative to the widest of the samples, beyond which an anomaly is refused."""
OUTLYING, LEAST, ROUNDS = 5.0, 0.1, 5
"""Samples with residuals of more than `OUTLYING` medians are outliers; `LEAST` times the median is added to residuals
before taking logarithms; number of iterations of the fit."""

Reading = Callable[[Batch], Float[Tensor, " batch"]]
"""A Batch of one stamp to a lower bound of log p of its pixels, in nats; deterministic."""

StampModel = ImageVAE | ObservedImageDiffusion


@dataclass(frozen=True)
class StampBound:
    """Unconditional lower bound of log p(pixels | psf, noise), estimated with one seed (only its mean over seeds is
    below log p). Stamps are scored one at a time, all with the same random numbers, so that a bound doesn't depend on
    the other stamps."""

    reading: Reading
    model: StampModel
    representation: ImageRepresentation

    def __call__(self, stamp: Stamp) -> float | Refusal:
        """Nats of the whole stamp, for pixels in nJy."""
        (encoded,) = self.representation.encode([stamp])
        if isinstance(encoded, Refusal):
            return encoded
        if stamp.noise_free:
            return Refusal("a stamp without noise has no likelihood")
        batch = self.representation.batch([encoded]).to(_device(self.model))
        with torch.inference_mode():
            bound = float(self.reading(batch))
        return bound if math.isfinite(bound) else Refusal("the model's bound of its likelihood isn't finite")


@dataclass(frozen=True)
class StampLikelihood:
    """Oracle of the bound per pixel."""

    bound: StampBound
    name: str = NAMES[0]
    unit: str = "nats/pixel"
    direction: Direction | None = None

    def score(self, items: Sequence[Stamp]) -> list[Score]:
        bounds = ((stamp, self.bound(stamp)) for stamp in items)
        return [_score(one if isinstance(one, Refusal) else one / stamp.image.size) for stamp, one in bounds]

    def code_lengths(self, items: Sequence[Stamp]) -> list[CodeLength]:
        """Of observed stamps whose pixels are rounded to multiples of a sixteenth of their noise."""
        bounds = ((stamp, self.bound(stamp)) for stamp in items if not stamp.noise_free)
        return [_coded(stamp, one) for stamp, one in bounds if not isinstance(one, Refusal)]


def _coded(stamp: Stamp, nats: float) -> CodeLength:
    """-log2 of the density times the step of each pixel."""
    steps = np.log2(np.sqrt(effective_variance(stamp)) / STEPS_PER_SIGMA)
    bits = -nats / math.log(2) - float(np.broadcast_to(per_band(steps), stamp.image.shape).sum())
    return CodeLength(bits, stamp.image.size)


@dataclass(frozen=True, eq=False)
class ExpectedBound:
    """Expected bound and its spread as functions of the exposure statistics `t`. low, high: fitted range, to which `t`
    is clipped. centre, scale: standardization of `t`. expected, spread: coefficients."""

    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    centre: Float[np.ndarray, "3"]
    scale: Float[np.ndarray, "3"]
    expected: Float[np.ndarray, "10"]
    spread: Float[np.ndarray, "4"]

    def deviation(self, seen: Float[np.ndarray, "stamp 3"], bounds: Float[np.ndarray, " stamp"]) -> np.ndarray:
        """[stamp] number of standard deviations by which a bound is below the expected one."""
        terms = _terms((np.clip(seen, self.low, self.high) - self.centre) / self.scale)
        return (terms @ self.expected - bounds) / np.exp(terms[:, :4] @ self.spread)


def fit_expected_bound(seen: Float[np.ndarray, "draw 3"], bounds: Float[np.ndarray, " draw"]) -> ExpectedBound:
    """Fit by least squares to the samples that aren't outliers."""
    centre, scale = seen.mean(0), seen.std(0).clip(min=0.05)  # constant columns have no influence
    terms, kept = _terms((seen - centre) / scale), np.ones(len(seen), bool)
    for _ in range(ROUNDS):
        expected = np.linalg.lstsq(terms[kept], bounds[kept])[0]
        misses = np.abs(bounds - terms @ expected)
        kept = misses < OUTLYING * np.median(misses)
    spread = np.linalg.lstsq(terms[kept, :4], np.log(misses[kept] + LEAST * np.median(misses)))[0]
    spread[0] += math.log(1.4826 * np.median(misses / np.exp(terms[:, :4] @ spread)))
    return ExpectedBound(seen.min(0), seen.max(0), centre, scale, expected, spread)


def _terms(t: Float[np.ndarray, "stamp 3"]) -> Float[np.ndarray, "stamp 10"]:
    """1, the elements of t, and their pairwise products."""
    products = [t[:, i] * t[:, j] for i in range(3) for j in range(i, 3)]
    return np.stack([np.ones(len(t)), *t.T, *products], 1)


class Anomaly:
    """Oracle of the standard deviations by which a stamp's bound is below that of similarly observed samples."""

    name, unit = NAMES[1], ""
    direction: Direction | None = None

    def __init__(self, bound: StampBound, draws: Callable[[], Iterable[Stamp | Refusal]], remember: Remember) -> None:
        self.bound, self.draws, self.remember = bound, draws, remember

    @cached_property
    def expected_bound(self) -> ExpectedBound | None:
        """None for a model that was trained on noise-free stamps: its samples have no likelihood."""
        found = self.remember(f"usual-{DRAWS}-{OBSERVED_ALIKE}", self._expected_bound)
        return None if found is None else ExpectedBound(**{name: np.array(values) for name, values in found.items()})

    def _expected_bound(self) -> dict[str, list[float]] | None:
        read = ((one, self._bound(one)) for one in self.draws() if isinstance(one, Stamp))
        known = [(exposure_statistics(one), bound) for one, bound in read if not isinstance(bound, Refusal)]
        if len(known) < AT_ONCE:
            return None
        found = fit_expected_bound(*map(np.stack, zip(*known, strict=True)))
        return {each.name: getattr(found, each.name).tolist() for each in fields(found)}

    def score(self, items: Sequence[Stamp]) -> list[Score]:
        return [_score(self._judged(stamp)) for stamp in items]

    def _judged(self, stamp: Stamp) -> float | Refusal:
        bound = self._bound(stamp)
        if isinstance(bound, Refusal):
            return bound
        if self.expected_bound is None:
            return Refusal("the model draws nothing that has a likelihood: it learned from stamps without noise")
        seen = exposure_statistics(stamp)
        if (wider := math.exp(seen[2] - self.expected_bound.high[2])) > TOO_WIDE:
            return Refusal(
                f"its PSF is {wider:.1f} times as wide, in pixels, as the widest that the model is compared at; "
                "train on stamps like this one"
            )
        return float(self.expected_bound.deviation(seen[None], np.array([bound]))[0])

    def _bound(self, stamp: Stamp) -> float | Refusal:
        """Bound in nats, for pixels in units of their noise."""
        bound = self.bound(stamp)
        return bound if isinstance(bound, Refusal) else bound + 0.5 * float(np.log(_map(stamp)).sum())


def exposure_statistics(stamp: Stamp) -> Float[np.ndarray, "3"]:
    """Logarithms of the signal-to-noise ratio of the sum of the pixels (at least 1), of the noise (nJy) and of the
    PSF's width (pixels)."""
    variance = _map(stamp)
    ratio = float(stamp.image.sum(dtype=np.float64)) / math.sqrt(variance.sum())
    return np.array([math.log(max(ratio, 1.0)), 0.5 * np.log(variance).mean(), math.log(_width(stamp.psf_of(0)))])


def _map(stamp: Stamp) -> np.ndarray:
    """[band y x] variance, nJy²."""
    return np.broadcast_to(per_band(stamp.variance.astype(np.float64)), stamp.image.shape)


def _width(psf: np.ndarray | None) -> float:
    """Width in pixels: square root of the effective area of the PSF."""
    return 1.0 if psf is None else float(np.square(psf, dtype=np.float64).sum() ** -0.5)


def _score(value: float | Refusal) -> Score:
    return Score(None, failure=value.reason) if isinstance(value, Refusal) else Score(value)


def _device(model: StampModel) -> torch.device:
    return next(model.parameters()).device


# --- Draws ------------------------------------------------------------------------------------------------------------


def drawn(model: StampModel, representation: ImageRepresentation, count: int) -> Iterator[Stamp | Refusal]:
    """Unconditional samples of the model."""
    generator = Generator().manual_seed(SEED)
    for _ in range(count // AT_ONCE):
        noise = torch.randn(AT_ONCE, model.latent_size, generator=generator)
        with torch.inference_mode():
            made = model.generate(noise.to(_device(model))).to("cpu")
        yield from representation.decode(made)


def variously_observed(model: ImageVAE, representation: ImageRepresentation) -> Iterator[Stamp | Refusal]:
    """Samples of a model of noise-free stamps, observed with widened PSFs of training stamps, and with stronger or
    weaker noise."""
    generator, instrument = np.random.default_rng(SEED), representation.instrument
    exposures, correlation = instrument.exposures, instrument.correlation
    for stamp in drawn(model, representation, DRAWS):
        psf, variance = exposures[generator.integers(len(exposures))]
        noisier, wider = NOISIER ** generator.uniform(-2, 2), generator.uniform(0, WIDER)
        if isinstance(stamp, Stamp):
            yield observed(stamp, blurred(psf, wider), variance * noisier, generator, correlation)


def blurred(psf: np.ndarray | None, share: float) -> np.ndarray:
    """[y x] or [band y x] PSF blurred by a Gaussian whose standard deviation is `share` times the PSF's width."""
    if psf is not None and psf.ndim == 3:
        planes = [blurred(plane, share) for plane in psf]
        side = max(len(plane) for plane in planes)
        return np.stack([np.pad(plane, (side - len(plane)) // 2) for plane in planes])
    sigma, psf = share * _width(psf), np.ones((1, 1)) if psf is None else psf.astype(np.float64)
    margin = min(math.ceil(4 * sigma), (LARGEST_PSF - len(psf)) // 2)
    return ndimage.gaussian_filter(np.pad(psf, max(margin, 0)), sigma, mode="constant")


# --- Recipes ----------------------------------------------------------------------------------------------------------


def vae_oracles(model: ImageVAE, representation: ImageRepresentation, remember: Remember) -> Mapping[str, Oracle]:
    """Oracles of an `ImageVAE`. `log_likelihood` uses the strict bound; `anomaly` uses the training bound, which allows
    for a model error."""

    def reading(misfit: float | None) -> Reading:
        return lambda batch: model.bound(batch, SAMPLES, misfit=misfit)

    strict, trained = (StampBound(reading(misfit), model, representation) for misfit in (0.0, None))
    anomaly = Anomaly(trained, lambda: variously_observed(model, representation), remember)
    return _oracles(strict, anomaly, representation.instrument)


def diffusion_oracles(
    model: ObservedImageDiffusion, representation: ObservedRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """Oracles of an `ObservedImageDiffusion`, whose samples are observed like the training stamps."""

    def reading(batch: Batch) -> Tensor:
        return -model.terms(batch.repeat_interleave(TIMES)).nats.mean(0, keepdim=True)

    bound = StampBound(reading, model, representation)
    anomaly = Anomaly(bound, lambda: drawn(model, representation, OBSERVED_ALIKE), remember)
    return _oracles(bound, anomaly, representation.instrument)


def _oracles(bound: StampBound, anomaly: Anomaly, instrument: ObservingConditions) -> Mapping[str, Oracle]:
    """The oracles by name; for a stamp without noise and PSF, its observation is simulated first."""
    return {one.name: ForwardModelOracle(one, instrument) for one in (StampLikelihood(bound), anomaly)}
