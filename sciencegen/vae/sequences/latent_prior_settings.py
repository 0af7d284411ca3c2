"""Settings of the sequence VAE whose latent carries the sequence."""

from __future__ import annotations

from dataclasses import dataclass, field

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.latent_sequence import SequenceSizes
from sciencegen.vae.warmup import Warmup

LATENT_PRIORS = ("flow", "diffusion")


@dataclass(frozen=True)
class LatentPriorVAESettings:
    """Sizes and training weights.

    Parameters
    ----------
    code : int
        Size of z.
    length : int
        Most tokens of a sequence, the end included.
    networks : SequenceSizes
        Of encoder and decoder.
    latent_prior : {"flow", "diffusion"}
        p(z | c): a normalizing flow, or a variational diffusion.
    prior_layers, prior_width : int
        Of the prior's network.
    transform : {"affine", "spline"}
        Of a flow's couplings.
    beta : Warmup
        Weight of the KL divergence by step. It may end below 1, since the prior p(z | c) corrects the remaining
        difference from N(0, I).
    noised, radius : float
        Share of the training rows whose z gets further noise before it is decoded, and the largest share of its
        standard deviation. The decoder then gives well-formed sequences also between the codes of the training set.
    bag_weight : float
        Weight of predicting the tokens of the sequence from z regardless of their order, in nats.
    property_weight : float
        Weight of predicting the properties from z.
    dropout : ConditionDropout
        Of conditions in the training of the prior, so that it takes any subset of the properties.
    candidates, measured : int
        Under a condition: number of latents drawn for each sequence, and how many of them at most, the best by their
        estimated properties, are decoded and measured.
    near : float
        The distance of the measured properties from the condition that is near enough, in standard deviations.
    beams : int
        Number of sequences that a beam search finds for each latent; the one whose own code is nearest is taken.
    refinements : int
        Gradient steps by which `encode` improves a latent, so that the decoder makes the sequence from it.
    share, spread : float
        Of fine-tuning: the share of draws near the new items, the others being those of the model before; and how far
        these draws are from the items, as a share of the latents' standard deviation.
    """

    code: int = 32
    length: int = 128
    networks: SequenceSizes = field(default_factory=SequenceSizes)
    latent_prior: str = "flow"
    prior_layers: int = 6
    prior_width: int = 128
    transform: str = "spline"
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 2_000, 0.01, 0.3))
    noised: float = 0.5
    radius: float = 0.8
    bag_weight: float = 1.0
    property_weight: float = 1.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.3, few=0.5))
    candidates: int = 32
    measured: int = 8
    near: float = 0.1
    beams: int = 8
    refinements: int = 8
    share: float = 0.8
    spread: float = 0.4

    def __post_init__(self) -> None:
        if self.latent_prior not in LATENT_PRIORS:
            raise unknown_name("latent_prior", self.latent_prior, LATENT_PRIORS)
        for name in ("noised", "radius", "share", "spread"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"Expected {name} between 0 and 1, got {getattr(self, name)}.")
        if not self.share:
            raise ConfigError("Expected a share above 0, got 0: the model would draw as before fine-tuning.")
        for name in ("near", "refinements"):
            if getattr(self, name) < 0:
                raise ConfigError(f"Expected {name} of 0 or more, got {getattr(self, name)}.")
        if min(self.code, self.candidates, self.measured, self.beams) < 1 or self.length < 2:
            raise ConfigError(
                "Expected a code, candidates, measured and beams of 1 or more and a length of 2 or more, "
                f"got {self.code}, {self.candidates}, {self.measured}, {self.beams} and {self.length}."
            )
