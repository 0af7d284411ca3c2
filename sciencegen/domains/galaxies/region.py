"""The region of stamps that a model was trained on: brightness, noise, PSF, and how typical its encoder finds a stamp.

    A = <x, m> / <m, m>,    m = psf * decoder(encoder(x)),    both in units of the noise, whitened if it is correlated

A is the factor by which the reconstruction fits the stamp best, a matched filter. The magnitude of a stamp is that of A
times the reconstruction's flux, or of the error of A, 1 / |m|, if that is larger: the model's own flux isn't believed.
Where a model restores a stamp too bright, A is small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, VARIANCE
from sciencegen.domains.galaxies.items import EncodedStamp, Stamp, magnitude, per_band
from sciencegen.domains.galaxies.representation import ImageRepresentation, ObservedRepresentation
from sciencegen.domains.recipes import TrainedRegion
from sciencegen.items import Refusal
from sciencegen.vae.image_networks import MASKED, observed, whitened
from sciencegen.vae.image_vae import ImageVAE

AT_ONCE = 32
"""Stamps that are reconstructed together."""
NOISIER, WIDER = 2.0, 1.2
"""Factors of the noise and of the PSF's width beyond the training stamps' that still count as known, since the model is
given both."""
PLATEAU = 4.0
"""The same for the number of pixels at exactly the highest value: rounded pixels may agree by chance."""
SEEN = {
    "noise": ("", "noise above {:.3g} nJy"),
    "psf": ("", "a PSF wider than {:.3g} pixels (take or train a model for this seeing)"),
    "plateau": ("", "more than {:.3g} pixels at the same highest value, as if saturated"),
}
ENCODED = {
    "magnitude": ("brighter than {:.1f} mag", "fainter than {:.1f} mag"),
    "surface_brightness": ("brighter than {:.1f} mag/arcsec²", "fainter than {:.1f} mag/arcsec²"),
    "signal_to_noise": ("a signal-to-noise ratio below {:.3g}", ""),
    "amplitude": (
        "reconstructed too bright, which fits best times less than {:.2f}",
        "reconstructed too faint, which fits best times more than {:.2f}",
    ),
    "chi_squared": ("squared residuals below {:.3g} of the noise's", "squared residuals above {:.3g} of the noise's"),
    "largest_residual": ("", "a pixel more than {:.3g} sigma from the reconstruction"),
    "misfit": ("", "a reconstruction that misses the stamp without noise, by more than {:.3g}"),
    "latent_density": ("a latent of density below {:.2f}", ""),
}
"""Number -> what a stamp below and above the trained range is."""


def of_observation(representation: ImageRepresentation, stamps: Sequence[Stamp]) -> dict[str, np.ndarray]:
    """Noise (the largest of the bands relative to training, in the first band's nJy), width of the PSF in pixels, and
    pixels at the highest value of a band; NaN for stamps without one, or without noise."""
    usual = np.sqrt(np.mean([one.variance for one in representation.instrument.exposures], 0)).clip(min=1e-30)
    noise = [float((_sigma(one) / usual).max() * usual[0]) if not one.noise_free else math.nan for one in stamps]
    psfs = (one.psf_of(0) for one in stamps)
    widths = [math.nan if psf is None else float(np.square(psf, dtype=np.float64).sum() ** -0.5) for psf in psfs]
    equal = [math.nan if one.noise_free else max(map(_at_maximum, one.image)) for one in stamps]
    return {"noise": np.array(noise), "psf": np.array(widths), "plateau": np.array(equal)}


def _at_maximum(plane: Float[np.ndarray, "y x"]) -> float:
    return float((plane == plane.max()).sum())


def _sigma(stamp: Stamp) -> Float[np.ndarray, " band"]:
    return np.sqrt(np.median(per_band(stamp.variance).reshape(len(stamp.bands), -1), 1))


def of_encoder(model: ImageVAE, representation: ImageRepresentation, stamps: Sequence[Stamp]) -> dict[str, np.ndarray]:
    """`of_observation`, and the numbers of `ENCODED`: NaN where a stamp has none, as without noise."""
    parts = []
    for start in range(0, len(stamps), AT_ONCE):
        encoded = representation.encode(stamps[start : start + AT_ONCE])
        known = [one for one in encoded if isinstance(one, EncodedStamp)]
        rows = np.full((len(encoded), len(ENCODED)), np.nan)
        if known:
            batch = representation.batch(known).to(next(model.parameters()).device)
            with torch.inference_mode():
                numbers = _typicality(model, batch, representation.instrument.pixel_scale).cpu().double().numpy()
            rows[[not isinstance(one, Refusal) for one in encoded]] = numbers
        parts.append(rows)
    columns = np.concatenate(parts).T if parts else np.empty((len(ENCODED), 0))
    return of_observation(representation, stamps) | dict(zip(ENCODED, columns, strict=True))


def _typicality(model: ImageVAE, batch: Batch, pixel_scale: float) -> Float[Tensor, "batch number"]:
    """The numbers of `ENCODED`; the error of pixels is noise and the model's own (`image_networks.observed`)."""
    found = model.networks.infer(batch, None, None)
    seen, image = observed(found.image, batch, model.settings.misfit), batch[IMAGE]
    noise = batch[VARIANCE].to(seen.mean).expand_as(seen.mean).sqrt()
    noisy = noise.flatten(1).amin(1) > 0

    def in_units(pixels: Tensor, scale: Tensor) -> Tensor:
        return whitened(pixels / scale, model.noise_power)

    scale = torch.where(noisy[:, None, None, None], noise, torch.ones_like(noise))
    made = in_units(seen.mean, scale)
    power = made.square().flatten(1).sum(1).clamp(min=1e-30)
    amplitude, error = (in_units(image, scale) * made).flatten(1).sum(1) / power, power.rsqrt() * noisy
    flux = found.image.flatten(1).sum(1) / len(found.image[0])
    missed = in_units(image - seen.mean, seen.log_std.exp())
    light = found.image.square().flatten(1).sum(1) / (len(found.image[0]) * flux) / pixel_scale**2
    code, nan = found.latents[0], torch.full_like(flux, math.nan)
    shown = (noise.square() <= MASKED * noise.square().amin((-2, -1), keepdim=True)).flatten(1)
    square = (missed.square().flatten(1) * shown).sum(1) / shown.sum(1)  # masked pixels have hardly any residual
    fitted = torch.maximum(amplitude, error)
    return torch.stack([
        _magnitude(fitted * flux), _magnitude(fitted * light), torch.where(noisy, amplitude / error, nan), amplitude,
        torch.where(noisy, square, nan), torch.where(noisy, missed.abs().flatten(1).amax(1), nan),
        torch.where(noisy, nan, square), model.log_prior(code, None) / code.shape[1],
    ], 1)  # fmt: skip


def _magnitude(flux: Tensor) -> Tensor:
    return torch.from_numpy(magnitude(flux.cpu().numpy())).to(flux)


def of_diffusion(
    model: object, representation: ObservedRepresentation, stamps: Sequence[Stamp]
) -> Mapping[str, np.ndarray]:
    """`of_observation`, and the magnitude of the stamp's sum or of its error: there is no encoder."""
    found = of_observation(representation, stamps)
    sums = np.array([float(one.image.sum(dtype=np.float64)) / len(one.bands) for one in stamps])
    errors = [float(_sigma(one).mean()) * one.side for one in stamps]
    return found | {"magnitude": magnitude(np.maximum(sums, errors))}


MARGINS = {"noise": NOISIER, "psf": WIDER, "plateau": PLATEAU}
BY_AUTOENCODER = TrainedRegion(measure=of_encoder, ends={**SEEN, **ENCODED}, margins=MARGINS)
BY_DIFFUSION = TrainedRegion(measure=of_diffusion, ends={**SEEN, "magnitude": ENCODED["magnitude"]}, margins=MARGINS)
