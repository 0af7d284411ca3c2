"""Deconvolved and denoised stamps with error bars, from samples of a model's posterior."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.data.observation import convolve
from sciencegen.diffusion.deconvolution import deconvolved_samples
from sciencegen.diffusion.observed_images import ObservedImageDiffusion
from sciencegen.domains.capabilities import Restoration, Restored
from sciencegen.domains.galaxies.encoded_stamps import per_band
from sciencegen.domains.galaxies.image_representation import ImageRepresentation
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.observed_representation import ObservedRepresentation
from sciencegen.items import Refusal
from sciencegen.metrics.spectra import radial_power_spectrum
from sciencegen.vae.images.image_vae import ImageVAE
from sciencegen.vae.images.posterior import posterior_samples

ModelT = TypeVar("ModelT", bound=nn.Module)
ODD = 2.0
"""chi_squared above which intervals don't hold."""
NOISE_FREE = "has no noise: there is nothing to restore"
NO_PSF = "no PSF is given: only noise was removed, and sizes and fluxes are those of a blurred image"
LOST = "the model's numbers aren't finite for it: it is too far from what the model has learned"
BRIGHTEST = 1e15
"""nJy of a pixel whose square single precision holds by far: an AB magnitude of -6."""
LITTLE_NOISE = "has less noise than the samples of this model would; take a stamp-vae"


def by_autoencoder(
    model: ImageVAE, representation: ImageRepresentation, stamp: Stamp, samples: int, seed: int
) -> Restored | Refusal:
    """By samples of the posterior of latents."""
    return restored(posterior_samples, model, representation, stamp, samples, seed)


def by_diffusion(
    model: ObservedImageDiffusion, representation: ObservedRepresentation, stamp: Stamp, samples: int, seed: int
) -> Restored | Refusal:
    """By draws of a diffusion model, given the stamp."""
    assert representation.least_variance is not None, "`unable` refuses such models"
    if not stamp.noise_free and (per_band(stamp.variance).min((1, 2)) < representation.least_variance).any():
        return Refusal(LITTLE_NOISE)
    return restored(deconvolved_samples, model, representation.images, stamp, samples, seed)


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
    return Restored(mean, tuple(drawn), _agreement(images, stamp), (NO_PSF,) if stamp.psf is None else ())


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
    if representation.images.instrument.correlation is not None:
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
