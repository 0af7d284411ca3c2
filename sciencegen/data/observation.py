"""Observation of an image by an instrument: names of its fields, blur by a point spread function, Gaussian noise.

observed = psf * image + noise,     noise ~ N(0, variance)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import scipy.fft
from jaxtyping import Float
from scipy.fft import next_fast_len

if TYPE_CHECKING:
    from torch import Tensor

IMAGE, PSF, VARIANCE = "image", "psf", "variance"
"""Fields of a Batch of images: [batch band y x]; the point spread function [batch y x] or [batch band y x], of odd side
and sum 1, missing or all zero if there is no blur; the variance of the noise [batch band y x] or [batch band 1 1], in
the image's unit squared."""

ArrayT = TypeVar("ArrayT", np.ndarray, "Tensor")


class FourierTransform(Protocol):
    """`scipy.fft`, `numpy.fft` or `torch.fft`."""

    def rfft2(self, x: ArrayT, s: Sequence[int], /) -> ArrayT: ...

    def irfft2(self, x: ArrayT, s: Sequence[int], /) -> ArrayT: ...


def convolve(image: ArrayT, kernel: ArrayT, fft: FourierTransform = scipy.fft) -> ArrayT:
    """Convolve images with a kernel on their own pixels, by the convolution theorem.

    Parameters
    ----------
    image : array [... y x]
    kernel : array [... k k]
        k is odd; the middle pixel is the origin.
    fft : module
        The transform of the arrays' library, `torch.fft` for tensors.

    Returns
    -------
    array [... y x]
        sum over v, u of kernel[v, u] image[y - v, x - u], where the image is 0 outside of its pixels: both are padded,
        so that nothing wraps around.

    Examples
    --------
    >>> convolve(np.eye(3), np.ones((3, 3))).round(6)
    array([[2., 2., 1.],
           [2., 3., 2.],
           [1., 2., 2.]])
    """
    side, (height, width) = kernel.shape[-1], image.shape[-2:]
    padded = [next_fast_len(length + side - 1, real=True) for length in (height, width)]
    product = fft.irfft2(fft.rfft2(image, padded) * fft.rfft2(kernel, padded), padded)
    start = side // 2
    return product[..., start : start + height, start : start + width]


def with_gaussian_noise(
    image: Float[np.ndarray, "band y x"],
    variance: np.ndarray,
    generator: np.random.Generator,
    correlation: Float[np.ndarray, "band v u"] | None = None,
) -> Float[np.ndarray, "band y x"]:
    """The image with noise of this variance, [band] or [band y x], white or with this autocovariance in its units."""
    wide = variance if variance.ndim > 1 else variance[:, None, None]
    if correlation is None:
        noise = generator.standard_normal(image.shape)
    else:
        noise = correlated_noise(correlation, image.shape[-2:], generator)
    return image + noise * np.sqrt(wide)


def correlated_noise(
    correlation: Float[np.ndarray, "band v u"], shape: tuple[int, int], generator: np.random.Generator
) -> Float[np.ndarray, "band y x"]:
    """Gaussian noise with a given autocovariance, by circulant embedding (Wood and Chan 1994).

    Parameters
    ----------
    correlation : array [band v u]
        Covariance of pixels at each offset; v and u are odd, the middle is the offset 0, the variance.
    shape : (int, int)
        y and x of the noise.
    generator : numpy.random.Generator
        The source of random numbers.

    Returns
    -------
    array [band y x]
        White noise that is multiplied in Fourier space by the square root of the power spectrum, which is the
        transform of the correlation (Wiener and Khinchin). Negative powers, of a correlation that no noise has, are 0;
        the others are then scaled to the variance.

    Examples
    --------
    >>> neighbours = np.array([[[0.0, 0.0, 0.0], [0.3, 1.0, 0.3], [0.0, 0.0, 0.0]]])
    >>> noise = correlated_noise(neighbours, (200, 200), np.random.default_rng(0))
    >>> along = float((noise[:, :, 1:] * noise[:, :, :-1]).mean())
    >>> round(along, 1)
    0.3
    """
    bands, *lags = correlation.shape
    padded = [next_fast_len(length + lag - 1, real=True) for length, lag in zip(shape, lags, strict=True)]
    circulant = np.zeros((bands, *padded))
    circulant[:, : lags[0], : lags[1]] = correlation
    circulant = np.roll(circulant, [-(lag // 2) for lag in lags], (1, 2))
    power = scipy.fft.fft2(circulant).real.clip(min=0)
    variance = correlation[:, lags[0] // 2, lags[1] // 2, None, None]
    tiny = np.finfo(power.dtype).tiny
    amplitude = np.sqrt(variance * power / power.mean((1, 2), keepdims=True).clip(min=tiny))
    white = scipy.fft.fft2(generator.standard_normal(circulant.shape))
    return scipy.fft.ifft2(amplitude * white).real[:, : shape[0], : shape[1]]
