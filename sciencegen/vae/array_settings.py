"""Settings of the VAE of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.mlp import LayerSettings
from sciencegen.vae.model import VAESettings
from sciencegen.vae.posteriors import POSTERIORS
from sciencegen.vae.warmup import Warmup

CONDITIONAL = ("conditional", "conditional_scale")
PRIORS = ("standard_normal", *CONDITIONAL, "vamp")
BOUNDS = ("elbo", "importance_weighted")
COUNT_INPUTS = ("logarithms", "normalized")
HAMILTONIAN = "hamiltonian"
FULL_COVARIANCE = "full_covariance"
POSTERIOR_NAMES = (*POSTERIORS, FULL_COVARIANCE, HAMILTONIAN)


@dataclass(frozen=True)
class ArrayVAESettings:
    """Sizes, distributions and training weights.

    Attributes
    ----------
    latent, width, depth : int
        Size of z; width and number of hidden layers of encoder and decoder.
    direct : bool
        Whether linear maps are added to encoder and decoder, of their inputs to their outputs: a start for data that
        are nearly linear in their latents.
    layers : tuple of int
        Sizes of a ladder of latents in place of `latent`, from the lowest, which the decoder reads, to the top: the
        prior goes from the top down, and the posterior merges it with the encoder's evidence by precision [7]_.
    posterior : {"gaussian", "iaf", "full_covariance", "hamiltonian"}
        q(z | x, c): a diagonal Gaussian [1]_, one transformed by an inverse autoregressive flow [2]_, a Gaussian with
        all covariances, or a diagonal one whose samples are refined by `leapfrog_steps` on the gradient of
        log p(x, z | c) [8]_.
    prior : {"standard_normal", "conditional", "conditional_scale", "vamp"}
        p(z | c) of training: N(0, I), a Gaussian that depends on c [3]_, one of mean 0 whose scales depend on c [9]_,
        or a mixture of posteriors of `components` learned pseudo-items [4]_ (with a Gaussian posterior).
    decoder_condition : bool
        Whether posterior and decoder read c. Without, c enters by a conditional prior alone, which then is never
        trained without c: the identifiable VAE, whose latents are independent sources given c [9]_.
    noise : float
        Standard deviation of Gaussian likelihoods, in those of the columns; 0 for one that the decoder learns. With a
        fixed one, a decoder that has not yet learned a column doesn't explain it by noise.
    bound : {"elbo", "importance_weighted"}
        The objective; the second has `samples` latents for each item [5]_, and beta doesn't apply to it.
    beta : Warmup
        Weight of the KL divergence by step; it starts at 0, so that the model learns to use the latent.
    count_inputs : {"logarithms", "normalized"}
        How the encoder reads the counts of a multinomial likelihood: by their logarithms, or divided by the root of the
        mean of a row's squares [10]_.
    count_dropout : float
        Share of these counts that the encoder doesn't read in training, drawn anew in each step [10]_.
    free_bits : float
        Nats of each latent dimension that are not penalized.
    dropout : ConditionDropout
        Of conditions in training, so that one model takes any subset of the properties.
    semi_supervised : bool
        Infer missing properties by q(c | x), a head on the encoder, which is trained on known properties with the
        weight `label_weight` [6]_. Otherwise the networks get missing properties as missing.
    label_values : tuple of float
        The values of the first property where it is a class. With `semi_supervised`, q(c | x) is then a categorical
        distribution over these values, and other missing properties stay missing. `array_recipe` takes them in the
        units of the data, `ArrayVAE` standardized.
    flow_layers, flow_width : int
        Of the flow prior for sampling, fitted after training; with 0 layers, samples are from the training prior.
    prior_steps : int
        Steps of the fit of this flow, and no more than the training had.
    decoder_noise : bool
        Whether a latent contains the decoder's noise too. If so, samples follow p(x | c) and every item is restored
        from its latent; otherwise both are the decoder's mean.

    References
    ----------
    .. [1] Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014.
    .. [2] Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NeurIPS 2016, algorithm 1.
    .. [3] Sohn et al., "Learning Structured Output Representation using Deep Conditional Generative Models", NeurIPS
       2015, eq. 4.
    .. [4] Tomczak & Welling, "VAE with a VampPrior", AISTATS 2018, eq. 9.
    .. [5] Burda et al., "Importance Weighted Autoencoders", ICLR 2016, eq. 8.
    .. [6] Kingma et al., "Semi-supervised Learning with Deep Generative Models", NeurIPS 2014, eq. 7 and 9.
    .. [7] Sønderby et al., "Ladder Variational Autoencoders", NeurIPS 2016, eq. 16 to 19.
    .. [8] Salimans, Kingma & Welling, "Markov Chain Monte Carlo and Variational Inference: Bridging the Gap", ICML
       2015, algorithm 3.
    .. [9] Khemakhem, Kingma, Monti & Hyvärinen, "Variational Autoencoders and Nonlinear ICA", AISTATS 2020, eq. 5 to 7.
    .. [10] Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, section 2.1.3 and its code.
    """

    latent: int = 8
    width: int = 128
    depth: int = 2
    direct: bool = False
    layers: tuple[int, ...] = ()
    posterior: str = "gaussian"
    leapfrog_steps: int = 3
    prior: str = "standard_normal"
    decoder_condition: bool = True
    noise: float = 0.0
    components: int = 32
    bound: str = "elbo"
    samples: int = 8
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 1000))
    count_inputs: str = "logarithms"
    count_dropout: float = 0.0
    free_bits: float = 0.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1, few=0.5))
    semi_supervised: bool = False
    label_weight: float = 1.0
    label_values: tuple[float, ...] = ()
    flow_layers: int = 6
    flow_width: int = 64
    prior_steps: int = 2000
    decoder_noise: bool = True

    def __post_init__(self) -> None:
        if self.prior == "flow":
            raise ConfigError(
                f"Expected a prior of the training ({', '.join(PRIORS)}), got 'flow'. Leave it out: a flow of "
                "`flow_layers` layers is fitted to the latents after the training, and draws are its."
            )
        names = {"posterior": POSTERIOR_NAMES, "prior": PRIORS, "bound": BOUNDS, "count_inputs": COUNT_INPUTS}
        for name, known in names.items():
            if (chosen := getattr(self, name)) not in known:
                raise unknown_name(name, chosen, known)
        self._check_parts()
        self._check_numbers()
        self.training()

    def _check_parts(self) -> None:
        """Raise an error for a posterior, a prior and layers that don't go together."""
        if self.prior == "vamp" and self.posterior != "gaussian":
            raise ConfigError(f"Expected posterior 'gaussian' with prior 'vamp', got '{self.posterior}'.")
        if not self.decoder_condition and self.prior not in CONDITIONAL:
            raise ConfigError(
                "Expected prior 'conditional' or 'conditional_scale' where the decoder doesn't read the condition, got "
                f"'{self.prior}'. Set one, or leave decoder_condition out."
            )
        if self.layers and (self.posterior, self.prior) != ("gaussian", "standard_normal"):
            raise ConfigError(
                "Expected posterior 'gaussian' and prior 'standard_normal' with `layers`, which set both, got "
                f"'{self.posterior}' and '{self.prior}'."
            )
        if self.direct and (self.layers or self.semi_supervised or self.prior == "vamp"):
            raise ConfigError("Expected no layers, no semi_supervised and no prior 'vamp' with direct. Leave it out.")
        if self.label_values and not self.semi_supervised:
            raise ConfigError("Expected semi_supervised with label_values, which it infers. Set it, or leave them out.")

    def _check_numbers(self) -> None:
        """Raise an error for sizes, counts and the noise out of their ranges."""
        if min(self.layers, default=1) < 1 or self.leapfrog_steps < 1:
            raise ConfigError(
                "Expected layers of size 1 or more, and 1 or more leapfrog_steps, got "
                f"{list(self.layers)} and {self.leapfrog_steps}."
            )
        if not 0 <= self.noise <= 1:
            raise ConfigError(f"Expected noise from 0 to 1 standard deviations, got {self.noise}. 0 learns it.")
        if not 0 <= self.count_dropout < 1:
            raise ConfigError(f"Expected count_dropout from 0 to below 1, got {self.count_dropout}.")
        if self.prior_steps < 1:
            raise ConfigError(
                f"Expected prior_steps of 1 or more, got {self.prior_steps}. Without a flow: flow_layers=0."
            )
        if min(self.latent, self.width, self.components) < 1 or min(self.depth, self.flow_layers) < 0:
            raise ConfigError(
                "Expected latent, width and components of 1 or more, depth and flow_layers of 0 or more, got "
                f"{self.latent}, {self.width}, {self.components}, {self.depth} and {self.flow_layers}."
            )

    def training(self) -> VAESettings:
        """The settings of the `ConditionalVAE`."""
        weighted = self.bound == "importance_weighted"
        beta, samples = (Warmup(), self.samples) if weighted else (self.beta, 1)
        dropout = self.dropout if self.decoder_condition else ConditionDropout()
        return VAESettings(beta, self.free_bits, samples, dropout, self.label_weight)

    @property
    def network(self) -> LayerSettings:
        """Of the networks that map features to latents and back."""
        return LayerSettings(direct=self.direct)

    def read_by_decoder(self, properties: int) -> int:
        """Columns of the condition that posterior and decoder read, of those that there are."""
        return properties if self.decoder_condition else 0
