"""p(z | c): standard normal, conditional Gaussian and VampPrior; a learned flow is in `flow_prior`.

All share one signature: `log_prob(z, c)` and `forward(noise, c)`, which maps standard normal noise to latents of the
prior. c is [batch property] with NaN where a value is missing, or None. Where the prior is a diagonal Gaussian,
`gaussian(like, c)` gives it, so that a KL divergence can be exact; else it returns None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.networks.shared_noise import check_latents
from sciencegen.vae.posteriors import DiagonalGaussian, standard_normal_log_prob

Latent = Float[Tensor, "batch latent"]
Condition = Float[Tensor, "batch property"] | None

LATENT_PRIORS = ("flow", "diffusion")
"""p(z | c) that is fitted to the latents of a trained model: a normalizing flow (`flows.FlowPrior`), or a diffusion
(Vahdat et al. 2021; Rombach et al. 2022), which is passed to the model as its `prior`."""


@runtime_checkable
class Prior(Protocol):
    """The density p(z | c), a map from normal noise to latents, and the prior as a Gaussian, if it is one."""

    latent_size: int

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]: ...

    def forward(self, noise: Latent, condition: Condition = None) -> Latent: ...

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian | None: ...


class StandardNormalPrior(nn.Module):
    """N(0, I), independent of the condition. Kingma & Welling 2014."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        check_latents(latent, self.latent_size)
        return standard_normal_log_prob(latent)

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        return noise

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian:
        return DiagonalGaussian(torch.zeros_like(like), torch.zeros_like(like))


class ConditionalGaussianPrior(nn.Module):
    """N(mean(c), diag std(c)^2); starts as N(0, I). Sohn et al. 2015, eq. 4; Khemakhem et al. 2020, eq. 6 to 8.

    A missing value has its own embedding (see `condition_features`), so p(z) without a condition is learned as well.
    centred: whether the mean is 0, so that the condition sets the scales alone, as in the experiments of Khemakhem et
    al. With free means, a decoder that isn't one to one may give each condition latents of its own.
    """

    def __init__(
        self, latent_size: int, property_count: int, width: int = 64, depth: int = 2, centred: bool = False
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count, self.centred = latent_size, property_count, centred
        self.network = MLP(2 * property_count, 2 * latent_size, width, depth, zero_output=True)

    def gaussian(self, like: Latent, condition: Condition = None) -> DiagonalGaussian:
        check_latents(like, self.latent_size)
        mean, raw = self.network(condition_features(condition, like, self.property_count)).chunk(2, -1)
        return DiagonalGaussian(torch.zeros_like(mean) if self.centred else mean, 4 * torch.tanh(raw / 4))

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        return self.gaussian(latent, condition).log_prob(latent)

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        return self.gaussian(noise, condition).reparameterized(noise)[0]


class VampPrior(nn.Module):
    """p(z | c) = sum_k w_k(c) q(z | u_k), u_k learned pseudo-inputs. Tomczak & Welling 2018, eq. 9.

    posterior_of: pseudo-inputs to a DiagonalGaussian; the model's own encoder and posterior network. It isn't
    registered here (its weights belong to the model), but a deep copy of model and prior together keeps the link
    if it is a module or a bound method of one. Without properties the weights are equal, as in the paper.
    pseudo_inputs: initial values [component ...]: items as tensors, or, if items are discrete, an encoder's embeddings
    of them.
    """

    def __init__(
        self,
        latent_size: int,
        posterior_of: Callable[[Tensor], DiagonalGaussian],
        pseudo_inputs: Tensor,
        property_count: int = 0,
        width: int = 64,
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        self._posterior_of = (posterior_of,)
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.clone())
        count = pseudo_inputs.shape[0]
        self.weights = MLP(2 * property_count, count, width, 2, zero_output=True) if property_count else None

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def components(self) -> DiagonalGaussian:
        """q(z | u_k) for every k, [component latent]."""
        return self._posterior_of[0](self.pseudo_inputs)

    def log_weights(self, like: Latent, condition: Condition = None) -> Float[Tensor, "batch component"]:
        if self.weights is None:
            logits = like.new_zeros(like.shape[0], self.pseudo_inputs.shape[0])
        else:
            logits = self.weights(condition_features(condition, like, self.property_count))
        return torch.log_softmax(logits, -1)

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        check_latents(latent, self.latent_size)
        components = self.components()
        scaled = (latent[:, None] - components.mean) * (-components.log_std).exp()
        each = standard_normal_log_prob(scaled) - components.log_std.sum(-1)
        return torch.logsumexp(each + self.log_weights(latent, condition), -1)

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        """The first number's quantile chooses the component; its position within that interval is used as new noise."""
        check_latents(noise, self.latent_size)
        weights = self.log_weights(noise, condition).double().exp()
        upper = weights.cumsum(-1)
        quantile = torch.special.ndtr(noise[:, :1].double())
        chosen = (quantile >= upper[:, :-1]).sum(-1, keepdim=True)
        weight = weights.gather(-1, chosen)
        within = ((quantile - upper.gather(-1, chosen) + weight) / weight).clamp(1e-9, 1 - 1e-9)
        noise = torch.cat([torch.special.ndtri(within).to(noise), noise[:, 1:]], -1)
        components, index = self.components(), chosen[:, 0]
        return components.mean[index] + components.log_std[index].exp() * noise
