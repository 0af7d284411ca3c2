"""Recipes of galaxy models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.diffusion.images import (
    NOISE,
    ImageDiffusionSettings,
    ObservedImageDiffusion,
    image_diffusion,
    psf_channels,
)
from sciencegen.domains.galaxies import region, restoration
from sciencegen.domains.galaxies import representation as image_representation
from sciencegen.domains.galaxies.items import STEPS_PER_SIGMA, EncodedStamp
from sciencegen.domains.galaxies.measurements import PROPERTIES, measure
from sciencegen.domains.galaxies.representation import SPIN_2, ImageRepresentation, ObservedRepresentation, settled
from sciencegen.domains.recipes import Adaptation, ModelOracles, Recipe
from sciencegen.items import Refusal
from sciencegen.latent.diffusion_vae import diffusion_prior
from sciencegen.networks.pixels import ConditionKinds
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.image_networks import FluxScale, observed
from sciencegen.vae.image_priors import warm_start
from sciencegen.vae.image_vae import ImageVAE, ImageVAESettings

CONDITIONS = (
    "flux", "half_light_radius", "e1", "e2", "ellipticity",
    "concentration", "asymmetry", "smoothness", "gini", "m20",
)  # fmt: skip
"""What a model is conditioned on by default, in addition to the user's own columns."""
TRAINING = {"steps": 4000, "batch_size": 64, "learning_rate": 1e-3, "ema_decay": 0.995}


def condition_kinds(representation: ImageRepresentation) -> ConditionKinds:
    """The components of the ellipticity rotate with the image; other properties are invariant."""
    names = representation.properties
    pairs = ((names.index(SPIN_2[0]), names.index(SPIN_2[1])),) if SPIN_2[0] in names else ()
    return ConditionKinds(tuple(i for i, name in enumerate(names) if name not in SPIN_2), pairs)


def stamp_vae(representation: ImageRepresentation, settings: ImageVAESettings) -> ImageVAE:
    """A VAE whose decoder has neither PSF nor noise; it measures its images, to correct them towards conditions."""
    scale = FluxScale(representation.flux_mean, representation.flux_std)

    def measured(images: Tensor) -> Tensor:
        """[batch property] in the scale of conditions, NaN where a property cannot be measured."""
        read = [representation.stamp(image) for image in images.detach().cpu().numpy()]
        stamps = {row: stamp for row, stamp in enumerate(read) if not isinstance(stamp, Refusal)}
        known = [name for name in representation.properties if name in PROPERTIES]
        columns = [representation.properties.index(name) for name in known]
        values = np.full((len(read), len(representation.properties)), np.nan)
        values[np.ix_(list(stamps), columns)] = measure(list(stamps.values()), known)
        return torch.from_numpy(representation.scaled(values)).to(images.device)

    settle, kinds = partial(settled, representation), condition_kinds(representation)
    s, prior = settings, None
    if s.latent_prior == "diffusion":
        prior = diffusion_prior(s.flow_width, s.flow_layers, s.latent_diffusion, s.code, kinds.count)
    model = ImageVAE(representation.shape, kinds, settings, scale, measured, settle, prior)
    if settings.correlated_noise and representation.instrument.correlation is not None:
        model.correlate_noise(torch.from_numpy(representation.instrument.correlation))
    return model


def adapt_stamp_vae(
    model: ImageVAE, old: ImageRepresentation, new: ImageRepresentation, settings: ImageVAESettings, seed: int
) -> ImageVAE:
    """A model for the new representation, initialized with the trained one. Before training it equals the old model,
    whatever the values of new columns. Weights that change in a training are those at the end of the old one."""
    torch.manual_seed(seed)
    beta, structure = (Warmup(end=weight.end) for weight in (settings.beta, settings.structure))
    adapted = stamp_vae(new, replace(settings, beta=beta, structure=structure))
    names = old.properties
    warm_start(model, adapted, [names.index(name) if name in names else None for name in new.properties])
    return adapted


def stamp_vae_figures(
    model: ImageVAE, representation: ImageRepresentation, arrays: Sequence[EncodedStamp]
) -> Mapping[str, float]:
    """The bound of -log p of held-out stamps without their conditions, in nats per pixel, and their residuals.

    chi_squared: mean square of (stamp - its reconstruction with PSF) over the noise, of stamps that have noise: 1 if
    only noise is left.
    """
    batch = representation.batch(arrays)
    terms, pixels = model.terms(batch), batch[IMAGE][0].numel()
    seen = observed(model.decode(model.encode(batch))[IMAGE], batch)
    scaled = (batch[IMAGE] - seen.mean) * (-seen.log_std).exp()
    noisy = batch[VARIANCE].flatten(1).amin(1) > 0
    return {
        "nats_per_pixel": float(-terms.elbo.mean()) / pixels,
        "kl": float(terms.kl.mean()),
        "chi_squared": float(scaled[noisy].square().mean()),
    }


def stamp_diffusion(representation: ObservedRepresentation, settings: ImageDiffusionSettings) -> ObservedImageDiffusion:
    """A variational diffusion of observed stamps, given the PSF and noise of each."""
    context = {PSF: psf_channels(representation.exposures), NOISE: representation.shape[0]}
    diffusion = image_diffusion(representation.shape, condition_kinds(representation), context, settings)
    least = representation.least_variance
    variance = None if least is None else torch.tensor(least)[:, None, None]
    return ObservedImageDiffusion(diffusion, representation.exposures, STEPS_PER_SIGMA, variance)


def stamp_diffusion_figures(
    model: ObservedImageDiffusion, representation: ObservedRepresentation, arrays: Sequence[EncodedStamp]
) -> Mapping[str, float]:
    """Bits per pixel of held-out stamps that have noise, without their conditions; they are quantized in steps of a
    sixteenth of the noise. And the part of them that is due to noise alone."""
    batch = representation.batch(arrays)
    noisy = batch[VARIANCE].flatten(1).amin(1) > 0
    bits = model.bits_per_pixel(batch.select(noisy) if noisy.any() else batch)
    return {"bits_per_pixel": float(bits.mean()), "noise_bits": model.noise_bits}


RECIPES = {
    "stamp-vae": Recipe(
        name="stamp-vae",
        fit=image_representation.fit,
        load_representation=image_representation.load,
        build=stamp_vae,
        settings=ImageVAESettings,
        conditions=CONDITIONS,
        adaptation=Adaptation(
            adapt_representation=image_representation.adapt,
            adapt=adapt_stamp_vae,
            fewest=0,
            settings=frozenset({"smoothing"}),
        ),
        description="Conditional VAE of stamps that knows PSF and noise: what it makes has neither.",
        check=stamp_vae_figures,
        oracles=ModelOracles(make=restoration.vae_oracles, names=restoration.NAMES),
        restoration=restoration.BY_AUTOENCODER,
        region=region.BY_AUTOENCODER,
        training=TRAINING,
    ),
    "stamp-diffusion": Recipe(
        name="stamp-diffusion",
        fit=image_representation.fit_observed,
        load_representation=image_representation.load_observed,
        build=stamp_diffusion,
        settings=ImageDiffusionSettings,
        conditions=CONDITIONS,
        description="Variational diffusion of stamps as they were seen, with PSF and noise; a likelihood in bits.",
        check=stamp_diffusion_figures,
        oracles=ModelOracles(make=restoration.diffusion_oracles, names=restoration.NAMES),
        restoration=restoration.BY_DIFFUSION,
        region=region.BY_DIFFUSION,
        training=TRAINING,
    ),
}
