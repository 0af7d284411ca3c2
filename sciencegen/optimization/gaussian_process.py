"""A Gaussian process of measured values, fitted by BoTorch; marginals of a large pool are computed in blocks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.gpytorch import GPyTorchModel
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import Kernel, MaternKernel, ScaleKernel
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import LogNormalPrior, NormalPrior
from jaxtyping import Float, Int
from torch import Tensor, nn

from sciencegen.devices import computing_device
from sciencegen.optimization.censored import Factors, Limits, propagate
from sciencegen.optimization.feature_rows import Encoding, ProcessEncoding, SiteEncoding, TableEncoding
from sciencegen.optimization.normals import JointNormal, Marginals, stable_cholesky

# Kernels of Gaussian processes: for sequences of equal length, site by site, and for tables of features.

FEW_SITES = 8
FEW_COLUMNS = 20
"""With up to this many varying sites, or dense columns, each has its own relevance."""


class SiteKernel(Kernel):
    """Sums of products over sets of sites: main effects, pairs, and all sites at once.

    k(x, y) = v_1 e_1(c) / C(h, 1) + v_2 e_2(c) / C(h, 2) + v_all prod_s c_s
    c_s(x, y) = exp(-sum_f w_sf (l_f(x_s) - l_f(y_s))^2 / 2)

    e_d is the elementary symmetric polynomial, the sum over all sets of d sites (Duvenaud, Nickisch, Rasmussen 2011,
    eq. 9 to 13): a term of order d models interactions of d sites, and predicts combinations that were never measured.
    l(a) are the features of letter a and its one-hot code. h is the mean number of sites in which two items differ.
    Sites that do not vary among the measured items share one w; if many sites vary, w_sf = u_s w_f.
    """

    has_lengthscale = False

    def __init__(self, encoding: SiteEncoding) -> None:
        super().__init__()
        letters = torch.as_tensor(encoding.letters, dtype=torch.float64)
        squares = (letters[:, None] - letters[None]).square().permute(2, 0, 1) / 2
        mismatch = LEAST_MISMATCH * (1 - torch.eye(len(letters), dtype=torch.float64))
        self.register_buffer("squares", torch.cat([squares, mismatch[None]]))
        varied = torch.as_tensor(encoding.varied)
        few = int(varied.sum()) <= FEW_SITES
        own = torch.cumsum(varied, 0) - 1 if few else torch.zeros(len(varied), dtype=torch.long)
        common = int(varied.sum()) if few else 0
        self.register_buffer("row_of_site", torch.where(varied, own, torch.full_like(own, common)))
        self.norms = [binomial(encoding.differences, order) for order in (1, 2)]
        zeros = lambda *shape: nn.Parameter(torch.zeros(*shape, dtype=torch.float64))  # noqa: E731
        self.register_parameter("log_relevance", zeros(common + 1, len(self.squares)))
        self.register_parameter("log_site", zeros(len(varied), 1))
        self.register_parameter("log_order", nn.Parameter(zeros(3).data - math.log(3)))
        self.register_prior("relevance_prior", NormalPrior(0.0, 1.0), lambda kernel: kernel.log_relevance)
        self.register_prior("site_prior", NormalPrior(0.0, 0.1 if few else 0.7), lambda kernel: kernel.log_site)
        self.register_prior("order_prior", NormalPrior(-math.log(3), 1.0), lambda kernel: kernel.log_order)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **options: object) -> Tensor:
        first, second = x1.long(), x2.long()
        both = torch.cat([first.flatten(0, -2), second.flatten(0, -2)])
        here = torch.nonzero((both != both[:1]).any(0))[:, 0]  # the other sites are equal in all rows: c = 1
        weights = _positive(self.log_relevance[self.row_of_site[here]] + self.log_site[here]).to(x1)
        logarithms = -torch.einsum("sf,fab->sab", weights, self.squares.to(x1))
        orders = _positive(self.log_order).to(x1)
        if len(here) > FEW_SITES and not diag and first.ndim == second.ndim == 2:
            sums = power_sums(logarithms, first[:, here], second[:, here])
            return self._of_power_sums(*sums, x1.shape[-1] - len(here), orders)
        tables = torch.exp(logarithms)

        def look_up(table: Tensor, some: Tensor, others: Tensor) -> Tensor:
            if diag:
                return table[some, others]
            if some.ndim == others.ndim == 1:  # by columns and then rows, whose gradient is fast
                return table.index_select(1, others).index_select(0, some)
            return table[some[..., :, None], others[..., None, :]]

        alike = [
            look_up(table, first[..., site], second[..., site])
            for table, site in zip(tables, here.tolist(), strict=True)
        ]
        shape = x1.shape[:-1] if diag else (*x1.shape[:-1], x2.shape[-2])
        one = torch.ones(shape, dtype=x1.dtype)
        sums = symmetric_sums(alike, one, x1.shape[-1] - len(here))
        terms = (sums[1] / self.norms[0], sums[2] / self.norms[1], math.prod(alike, start=one))
        return sum(v * term for v, term in zip(orders, terms, strict=True))

    def _of_power_sums(self, first: Tensor, second: Tensor, logarithm: Tensor, ones: int, orders: Tensor) -> Tensor:
        """e_1 = p_1, e_2 = (p_1^2 - p_2) / 2, and the product. ones: number of further sites, where c = 1."""
        first, second = first + ones, second + ones
        pairs = (first.square() - second) / 2
        terms = (first / self.norms[0], pairs / self.norms[1], logarithm.exp())
        return sum(v * term for v, term in zip(orders, terms, strict=True))


def _positive(logarithms: Tensor) -> Tensor:
    """Exponentials of the clipped logarithms, so that a line search stays within bounds."""
    return logarithms.clamp(-LARGEST_LOG, LARGEST_LOG).exp()


LARGEST_LOG = 5.0
LEAST_MISMATCH = 0.05
"""Squared distance of any two different letters, in addition to that of their features."""


def power_sums(logarithms: Tensor, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[n m] p_1 = sum_s c_s, p_2 = sum_s c_s^2, sum_s log c_s, from the tables log c_s(a, b) of sites, x1 [n site], x2
    [m site].

    At each site, most rows of x2 have its most frequent letter b*_s. So sum_s c_s(x, y) = sum_s c_s(x, b*_s) + the sum
    of c_s(x, y_s) - c_s(x, b*_s) over the sites where y_s is not b*_s, which is a product with a sparse matrix.
    """
    common = x2.mode(0).values
    row, site = torch.nonzero(x2 != common, as_tuple=True)
    kinds = logarithms.shape[-1]
    column, place = torch.unique(site * kinds + x2[row, site], return_inverse=True)
    at = column // kinds
    sites = torch.arange(len(common))
    most_frequent = logarithms[sites, :, common].gather(1, x1.T)  # [site n]
    rarer = logarithms[at, :, column % kinds].gather(1, x1.T[at])  # [column n]
    ones = torch.ones(len(row), dtype=rarer.dtype)
    shape = (len(x2), len(column))
    taken = torch.sparse_coo_tensor(torch.stack([row, place]), ones, shape, check_invariants=False)

    def summed(most_frequent: Tensor, rarer: Tensor) -> Tensor:
        return most_frequent.sum(0)[:, None] + torch.sparse.mm(taken, rarer - most_frequent[at]).T

    once, twice = (most_frequent.exp(), rarer.exp()), ((2 * most_frequent).exp(), (2 * rarer).exp())
    return summed(*once), summed(*twice), summed(most_frequent, rarer)


def symmetric_sums(terms: list[Tensor], one: Tensor, ones: int) -> tuple[Tensor, Tensor, Tensor]:
    """e_0, e_1, e_2 of the terms and of `ones` further terms that are 1: e_d <- e_d + c e_(d-1) for each term c."""
    first, second = ones * one, ones * (ones - 1) / 2 * one
    for term in terms:
        first, second = first + term, second + first * term
    return one, first, second


def binomial(count: float, order: int) -> float:
    """C(count, order) of a real count, which is clipped to at least `order`."""
    count = max(count, order)
    return math.exp(math.lgamma(count + 1) - math.lgamma(order + 1) - math.lgamma(count - order + 1))


class TanimotoKernel(Kernel):
    """<x, y> / (|x|^2 + |y|^2 - <x, y>) of counts and bits (Ralaivola et al. 2005, eq. 7); 1 for two zero rows."""

    has_lengthscale = False
    _cache: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **options: object) -> Tensor:
        """The kernel has no parameters: a fit needs the same matrix at each step, so it is computed once."""
        if diag:
            return torch.ones(x1.shape[:-1], dtype=x1.dtype)
        if not self.training:
            return self._similarity(x1, x2)
        if self._cache is None or not (torch.equal(x1, self._cache[0]) and torch.equal(x2, self._cache[1])):
            self._cache = (x1, x2, self._similarity(x1, x2))
        return self._cache[2]

    @staticmethod
    def _similarity(x1: Tensor, x2: Tensor) -> Tensor:
        product = x1 @ x2.transpose(-1, -2)
        total = x1.square().sum(-1)[..., :, None] + x2.square().sum(-1)[..., None, :] - product
        return torch.where(total > 1e-12, product / total.clamp_min(1e-12), torch.ones_like(product))


class OfColumns(Kernel):
    """Another kernel on adjacent columns: it uses a view, whereas `active_dims` copies the table at each step."""

    has_lengthscale = False

    def __init__(self, kernel: Kernel, columns: slice) -> None:
        super().__init__()
        self.kernel, self.columns = kernel, columns

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **options: object) -> Tensor:
        return self.kernel.forward(x1[..., self.columns], x2[..., self.columns], diag=diag, **options)


def table_kernel(encoding: TableEncoding) -> Kernel:
    """The sum a Matern_5/2 of the dense columns + b Tanimoto of the sparse ones; the lengthscale's prior grows with the
    square root of the columns (Hvarfner, Hellsten, Nardi 2024)."""
    dense, sparse = len(encoding.dense), len(encoding.sparse)
    parts: list[Kernel] = []
    if dense:
        prior = LogNormalPrior(math.sqrt(2) + math.log(dense) / 2, math.sqrt(3))
        ard = dense if dense <= FEW_COLUMNS else None
        matern = MaternKernel(2.5, ard_num_dims=ard, lengthscale_prior=prior)
        matern.lengthscale = math.sqrt(dense)
        parts.append(_scaled(OfColumns(matern, slice(dense))))
    if sparse:
        parts.append(_scaled(OfColumns(TanimotoKernel(), slice(dense, None))))
    return sum(parts[1:], start=parts[0]).double()


class ProcessKernel(Kernel):
    """Items at settings p of process parameters: effects of an item that all settings share, that depend on the
    setting, and of the setting on all items alike.

    k((x, p), (y, q)) = (v_0 + v_1 c) k(x, y) + v_2 c
    c(p, q) = exp(-sum_j w_j |p_j - q_j|^2 / 2)

    It is the intrinsic coregionalization of settings (Bonilla, Chai, Williams 2008), whose covariance among settings is
    a function of how far they are apart, so that values that were never measured are predicted too.
    """

    has_lengthscale = False

    def __init__(self, items: Kernel, groups: tuple[int, ...]) -> None:
        super().__init__()
        self.items, self.parameters_at = OfColumns(items, slice(-len(groups))), slice(-len(groups), None)
        self.register_buffer("groups", torch.as_tensor(groups))
        first = torch.tensor([0.5, 0.5, 0.3], dtype=torch.float64).log()
        self.register_parameter("log_parts", nn.Parameter(first.clone()))
        self.register_parameter("log_relevance", nn.Parameter(torch.zeros(max(groups) + 1, dtype=torch.float64)))
        self.register_prior("parts_prior", NormalPrior(first, torch.ones_like(first)), lambda kernel: kernel.log_parts)
        self.register_prior("relevance_prior", NormalPrior(0.0, 1.0), lambda kernel: kernel.log_relevance)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **options: object) -> Tensor:
        scale = _positive(self.log_relevance).to(x1)[self.groups].sqrt()
        some, others = x1[..., self.parameters_at] * scale, x2[..., self.parameters_at] * scale
        if diag:
            alike = torch.exp(-(some - others).square().sum(-1) / 2)
        else:
            alike = torch.exp(-(some[..., :, None, :] - others[..., None, :, :]).square().sum(-1) / 2)
        shared, own, effect = _positive(self.log_parts).to(x1)
        return (shared + own * alike) * self.items.forward(x1, x2, diag=diag, **options) + effect * alike


def kernel_of(encoding: Encoding) -> Kernel:
    """The kernel for points of an encoding."""
    if isinstance(encoding, ProcessEncoding):
        return ProcessKernel(kernel_of(encoding.items), encoding.groups)
    return SiteKernel(encoding) if isinstance(encoding, SiteEncoding) else table_kernel(encoding)


def _scaled(kernel: Kernel) -> ScaleKernel:
    scaled = ScaleKernel(kernel, outputscale_prior=LogNormalPrior(-0.7, 1.0))
    scaled.outputscale = 0.5
    return scaled


Points = Float[np.ndarray, "point column"]

BLOCK = 8192
TUNING_POINTS = 600
"""Most measured points that the kernel's parameters are fitted on: the cost of a fit grows as n^3."""
ITERATIONS, BRIEF_ITERATIONS = 40, 12
"""Steps of L-BFGS; the brief number suffices to compare scales."""


class GaussianProcess:
    """BoTorch's SingleTaskGP of standardized targets, with a kernel for the rows' encoding.

    noise_i = e_i^2 + s^2: the stated error of each target, if any, and a common noise that is fitted. It is computed on
    the device on which it was made (`computing_on`), in double precision.
    """

    name = "gp"

    def __init__(
        self, encoding: Encoding, points: Points, targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], generator: np.random.Generator, brief: bool = False,
    ) -> None:  # fmt: skip
        stated = np.nan_to_num(np.square(errors))
        self.device = computing_device()
        with self._on_device():
            self._learn(encoding, points, targets, stated, generator, brief)

    def _learn(
        self, encoding: Encoding, points: Points, targets: np.ndarray, stated: np.ndarray,
        generator: np.random.Generator, brief: bool,
    ) -> None:  # fmt: skip
        tuned = _model(encoding, *_subset(points, targets, stated, generator))
        _fit(tuned, BRIEF_ITERATIONS if brief else ITERATIONS)
        self.model = tuned
        if len(points) > TUNING_POINTS:
            self.model = _model(encoding, points, targets, stated)
            of_points = "likelihood.noise_covar.noise"
            shared = {name: one for name, one in tuned.state_dict().items() if not name.startswith(of_points)}
            self.model.load_state_dict(shared, strict=False)
        self.model.eval()
        self.condition(points, targets, stated)

    def _on_device(self) -> AbstractContextManager[object]:
        """A block in which torch makes new tensors on the device."""
        return nullcontext() if self.device == "cpu" else torch.device(self.device)

    def condition(self, points: Points, targets: np.ndarray, stated: np.ndarray) -> None:
        """(K + noise)^-1 and its product with the residuals. stated: variances of the targets beyond the noise."""
        with torch.no_grad(), self._on_device():
            self._points = torch.as_tensor(points)
            self.constant = self.model.mean_module.constant.item()
            kernel = self.model.covar_module(self._points).to_dense()
            self.noise = self._learned_noise().item()
            kernel = kernel + torch.diag(torch.as_tensor(stated) + self.noise)
            self._factor = stable_cholesky(kernel)
            residual = torch.as_tensor(targets) - self.constant
            self._weights = torch.cholesky_solve(residual[:, None], self._factor)[:, 0]
            self._targets = np.asarray(targets, float)
            self._inverse: Tensor | None = None

    def _learned_noise(self) -> Tensor:
        likelihood = self.model.likelihood
        if isinstance(likelihood, FixedNoiseGaussianLikelihood):
            return likelihood.second_noise_covar.noise.mean()
        return likelihood.noise.mean()

    def marginals(self, points: Points) -> Marginals:
        """Computed block by block and partly in single precision, since a pool may be large."""
        kernel = self.model.covar_module
        with torch.no_grad(), self._on_device():
            return self._blocks(kernel, points)

    def _blocks(self, kernel: Kernel, points: Points) -> Marginals:
        if self._inverse is None:
            identity = torch.eye(len(self._factor)).to(self._factor)
            self._inverse = torch.linalg.solve_triangular(self._factor, identity, upper=False).float()
        inverse = self._inverse
        weights, training_points = self._weights.float(), self._points.float()
        means, deviations = np.empty(len(points)), np.empty(len(points))
        for start in range(0, len(points), BLOCK):
            rows = slice(start, min(start + BLOCK, len(points)))
            block = torch.as_tensor(points[rows], dtype=torch.float32)
            cross = kernel(block, training_points).to_dense().float()
            variance = kernel(block, diag=True) - (cross @ inverse.T).square().sum(1)
            means[rows] = (cross @ weights + self.constant).double().numpy(force=True)
            deviations[rows] = variance.clamp_min(1e-9).sqrt().double().numpy(force=True)
        return Marginals(means, deviations)

    def joint(self, points: Points) -> JointNormal:
        with torch.no_grad(), self._on_device():
            here = torch.as_tensor(points)
            cross = self.model.covar_module(here, self._points).to_dense()
            explained = torch.linalg.solve_triangular(self._factor, cross.T, upper=False)
            covariance = self.model.covar_module(here).to_dense() - explained.T @ explained
            mean = cross @ self._weights + self.constant
        return JointNormal(mean.numpy(force=True), ((covariance + covariance.T) / 2).numpy(force=True), self.noise)

    def kernel(self, points: Points) -> Float[np.ndarray, "point point"]:
        """The prior covariance of the function at these points."""
        with torch.no_grad(), self._on_device():
            return self.model.covar_module(torch.as_tensor(points)).to_dense().numpy(force=True)

    def left_out(self) -> Marginals:
        """Leave-one-out distribution of each target, noise included (Rasmussen & Williams 2006, eq. 5.12)."""
        precision = torch.cholesky_inverse(self._factor).diagonal()
        return Marginals(
            self._targets - (self._weights / precision).numpy(force=True), (1 / precision).sqrt().numpy(force=True)
        )


def _model(encoding: Encoding, points: Points, targets: np.ndarray, stated: np.ndarray) -> SingleTaskGP:
    kernel = kernel_of(encoding)
    noisy = FixedNoiseGaussianLikelihood(torch.as_tensor(stated), learn_additional_noise=True) if stated.any() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # inputs are scaled already, and fingerprints must not be
        return SingleTaskGP(
            torch.as_tensor(points), torch.as_tensor(targets)[:, None], likelihood=noisy, covar_module=kernel,
            outcome_transform=None,
        )  # fmt: skip


def _fit(model: SingleTaskGP, iterations: int) -> None:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # early stopping is intended: the fit is repeated every round
        torch.manual_seed(0)  # retries after a failed fit draw from the global generator
        options = {"options": {"maxiter": iterations}}
        evidence = ExactMarginalLogLikelihood(model.likelihood, model)
        with suppress(ModelFittingError):  # BoTorch then restores the initial values, the modes of the priors
            fit_gpytorch_mll(evidence, optimizer_kwargs=options, max_attempts=1)


def _subset(points: Points, targets: np.ndarray, stated: np.ndarray, generator: np.random.Generator) -> tuple:
    """At most TUNING_POINTS points: two thirds of them the best, the others drawn from the rest."""
    from sciencegen.optimization.surrogate import training_subset

    if len(points) <= TUNING_POINTS:
        return points, targets, stated
    rows = training_subset(targets, TUNING_POINTS, generator)
    return points[rows], targets[rows], stated[rows]


# BoTorch's acquisition functions over a finite set whose joint posterior is known: an input is an index into it.

JITTER = 1e-6
"""Variance added to the diagonal, relative to the mean variance: it allows an index to occur twice in a set."""


class FinitePool(GPyTorchModel):
    """posterior(X): the joint normal of the points whose indices X [... q 1] holds."""

    num_outputs = 1
    batch_shape = torch.Size([])

    def __init__(self, joint: JointNormal) -> None:
        super().__init__()
        self._mean, self._covariance = torch.as_tensor(joint.mean), torch.as_tensor(joint.covariance)
        self._jitter = JITTER * max(float(np.diag(joint.covariance).mean()), 1e-12)

    def posterior(
        self, X: Tensor, *arguments: object, posterior_transform: object = None, **options: object
    ) -> GPyTorchPosterior:
        index = X[..., 0].long()
        covariance = self._covariance[index[..., :, None], index[..., None, :]]
        covariance = covariance + self._jitter * torch.eye(index.shape[-1], dtype=covariance.dtype)
        return GPyTorchPosterior(MultivariateNormal(self._mean[index], covariance))


def log_noisy_improvement(
    pool: FinitePool, candidates: Int[np.ndarray, " candidate"], reference: Sequence[int], draws: int, seed: int
) -> Float[np.ndarray, " candidate"]:
    """Log E[max(0, f(candidate) - max f(reference))] of each candidate, where the reference is uncertain too.

    The reference includes pending items, so that the value is what the candidate adds to them.
    """
    sampler = SobolQMCNormalSampler(torch.Size([draws]), seed=seed)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # BoTorch expects inputs in the unit cube; these are indices
        function = qLogNoisyExpectedImprovement(pool, _column(reference), sampler, prune_baseline=False)
        return function(_column(candidates)[:, None]).numpy()


def _column(index: Sequence[int] | np.ndarray) -> Tensor:
    return torch.as_tensor(np.asarray(index, float))[:, None]


# Exact and censored values: the kernel's parameters are fitted by turns with the factors of the bounds.
#
# With the factors fixed, the gradient of the evidence of expectation propagation is that of a Gaussian process with
# pseudo-measurements (Rasmussen & Williams 2006, section 5.5.2), so that fits of both by turns end at a stationary
# point of it. The noise is estimated by the exact values.

TURNS, BRIEF_TURNS = 2, 1
FEWEST_EXACT = 10
"""Exact values from which the first fit is to these alone; with fewer, bounds count as numbers in it."""

LEAST = 2e-6
"""Of stated variances: smaller ones are rounded up by GPyTorch."""


class CensoredProcess:
    """`GaussianProcess` in which some targets are only known to lie between limits.

    limits: of all targets, on their scale; equal ends where a target is exact.
    """

    def __init__(
        self, encoding: Encoding, points: Points, targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], limits: Limits, generator: np.random.Generator, brief: bool = False,
    ) -> None:  # fmt: skip
        self._points, self._limits = points, limits
        self._censored = limits.censored
        self._targets, self._stated = targets, np.maximum(np.nan_to_num(np.square(errors)), LEAST)
        rows = ~self._censored if (~self._censored).sum() >= FEWEST_EXACT else np.ones(len(targets), bool)
        model = GaussianProcess(encoding, points[rows], targets[rows], errors[rows], generator, brief)
        for _ in range(BRIEF_TURNS if brief else TURNS):
            values, variances = self._measurements(model)
            model = GaussianProcess(encoding, points, values, np.sqrt(variances), generator, brief)
        values, self._variances = self._measurements(model)
        model.condition(points, values, self._variances)
        self.model, self.noise = model, model.noise

    def _measurements(self, model: GaussianProcess) -> tuple[np.ndarray, np.ndarray]:
        """Values with the variances that they have beyond the model's noise: exact ones, and pseudo-measurements."""
        values, variances = self._targets.copy(), self._stated.copy()
        value, variance = factors_of(model, self._points, values, variances, self._limits)
        values[self._censored] = value
        variances[self._censored] = np.maximum(variance - model.noise, LEAST)
        return values, variances

    def marginals(self, points: Points) -> Marginals:
        return self.model.marginals(points)

    def joint(self, points: Points) -> JointNormal:
        return self.model.joint(points)

    def left_out(self) -> Marginals:
        """Predictive distribution of each measurement from the others; of a censored one, of what it would be."""
        found = self.model.left_out()
        beyond = np.where(self._censored, self._variances - self._stated, 0.0)
        return Marginals(found.mean, np.sqrt(np.maximum(np.square(found.deviation) - beyond, 1e-9)))


def factors_of(
    model: GaussianProcess, points: Points, targets: np.ndarray, stated: np.ndarray, limits: Limits
) -> Factors:
    """The factors of the bounds with the model's kernel and noise, given the exact values."""
    censored = limits.censored
    exact = ~censored
    kernel = model.kernel(points)
    prior = np.full(int(censored.sum()), model.constant)
    known = kernel[np.ix_(exact, exact)] + np.diag(stated[exact] + model.noise + 1e-8)
    gain = np.linalg.solve(known, kernel[np.ix_(exact, censored)]).T
    mean = prior + gain @ (targets[exact] - model.constant)
    covariance = kernel[np.ix_(censored, censored)] - gain @ kernel[np.ix_(exact, censored)]
    symmetric = (covariance + covariance.T) / 2 + 1e-8 * np.eye(len(mean))
    return propagate(mean, symmetric, stated[censored] + model.noise, limits.of(censored))[0]
