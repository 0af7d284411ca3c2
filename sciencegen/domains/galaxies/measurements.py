"""Measurements of one galaxy in one plane [y x]: curve of growth, adaptive moments, and the morphology of CAS, Gini,
M20.

Radii are in pixels. A failed measurement is NaN. All values are invariant to rotations by 90 degrees and reflections,
except for the signs of e1 and e2.
Sources: adaptive moments: Hirata & Seljak 2003, as in GalSim's HSM. Petrosian radius, Gini, M20: Lotz, Primack & Madau
2004. Concentration, asymmetry, smoothness: Conselice 2003. Where the papers are ambiguous, definitions follow statmorph
(Rodriguez-Gomez et al. 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.fft
from jaxtyping import Bool, Float
from scipy import ndimage

from sciencegen.domains.galaxies.items import Stamp, magnitude, per_band
from sciencegen.errors import unknown_name
from sciencegen.items import Property

PETROSIAN = 0.2
"""Ratio of the surface brightness at the Petrosian radius to the mean within it."""
RING = (0.8, 1.25)
"""Inner and outer radius of the Petrosian ring, relative to the radius."""
TOTAL_RADII = 1.5
"""Petrosian radii within which asymmetry and smoothness are summed."""
MOST_ASYMMETRIC = 2.001
"""Maximum asymmetry, 2 (no overlap of the two images), and rounding. Larger values are artefacts of splines."""
FRACTION = 0.25
"""Fraction of the Petrosian radius for the smoothing box's side, and for the centre that smoothness leaves out."""
SEGMENT_SMOOTHING = 0.2
"""sigma of the smoothing before segmentation, relative to the Petrosian radius."""
STEP = 0.125
"""Step between radii of the curve of growth in pixels."""
SUBPIXELS = 4
SMOOTHING = 1.0
"""sigma in pixels of the Gaussian smoothing before adaptive moments."""
HSM_ITERATIONS = 400
"""Most iterations of HSM's adaptive moments."""


@dataclass(frozen=True)
class ImageMoments:
    """x, y: centre, pixels from the first. e1, e2: shear-like ellipticity g, |g| = (a - b) / (a + b), along and at 45
    degrees to x. sigma: det(M)^(1/4), pixels."""

    x: float
    y: float
    e1: float
    e2: float
    sigma: float


def adaptive_moments(image: np.ndarray) -> ImageMoments | None:
    """Moments weighted by the best-fitting elliptical Gaussian (Hirata & Seljak 2003); None if it doesn't converge.

    The image is first smoothed by a Gaussian of one pixel, whose moments are then subtracted: M = M_smooth - s² I,
    exact for Gaussian galaxies. Without smoothing, the Gaussian would collapse to a cusp or a bright knot of an image
    without PSF. Steep profiles are measured rounder than their isophotes: by 4% for n = 1, by a fifth for n = 4.
    """
    import galsim  # with astropy half of the time that loading the domain would take

    settings = galsim.hsm.HSMParams(max_mom2_iter=HSM_ITERATIONS)
    picture = galsim.ImageD(ndimage.gaussian_filter(image, SMOOTHING, mode="constant"), xmin=0, ymin=0)
    found = galsim.hsm.FindAdaptiveMom(picture, guess_sig=len(image) / 10, strict=False, hsmparams=settings)
    if found.error_message or not found.moments_sigma > 0:
        return None
    centre, shape, smooth2 = found.moments_centroid, found.observed_shape, SMOOTHING**2
    trace = 2 * found.moments_sigma**2 / math.sqrt(1 - shape.e**2)  # sigma is det(M)^(1/4); e is the distortion
    rest = trace - 2 * smooth2
    across, diagonal = trace * shape.e1, trace * shape.e2
    determinant = (rest**2 - across**2 - diagonal**2) / 4
    inside = 0 <= centre.x <= image.shape[1] - 1 and 0 <= centre.y <= image.shape[0] - 1
    if not inside or rest <= 0 or determinant <= 0:
        return None
    true = galsim.Shear(e1=across / rest, e2=diagonal / rest)
    return ImageMoments(centre.x, centre.y, float(true.g1), float(true.g2), determinant**0.25)


@dataclass(frozen=True)
class Growth:
    """Flux within circles. radii: pixels, every `STEP` from 0 to the largest circle in the stamp."""

    radii: np.ndarray
    flux: np.ndarray

    def radius_of(self, share: float) -> float:
        """The first radius with this share of the flux in the last circle."""
        target = share * self.flux[-1]
        above = int(np.argmax(self.flux >= target))
        if not self.flux[-1] > 0 or above == 0:
            return math.nan
        low, high = self.flux[above - 1], self.flux[above]
        return float(self.radii[above] - STEP * (high - target) / (high - low))

    def within(self, radius: float) -> float:
        return float(np.interp(radius, self.radii, self.flux))

    def petrosian_radius(self) -> float:
        """The radius at which the mean surface brightness in a ring falls to 0.2 times that within the radius."""
        radii = self.radii[(self.radii >= 2 * STEP) & (self.radii * RING[1] <= self.radii[-1])]
        inner, within, outer = (np.interp(radii * edge, self.radii, self.flux) for edge in (RING[0], 1.0, RING[1]))
        ring = (outer - inner) / (RING[1] ** 2 - RING[0] ** 2)
        ratio = ring / np.where(within > 0, within, np.nan)
        below = np.flatnonzero((ratio[1:] <= PETROSIAN) & (ratio[:-1] > PETROSIAN))
        if not len(below):
            return math.nan
        at = below[0]
        return float(radii[at] + STEP * (ratio[at] - PETROSIAN) / (ratio[at] - ratio[at + 1]))


def curve_of_growth(image: np.ndarray, x: float, y: float) -> Growth:
    """Sums over 4 × 4 subpixels, with a linear gradient within each pixel."""
    side = len(image)
    largest = min(x + 0.5, y + 0.5, side - 0.5 - x, side - 0.5 - y)
    places = (np.arange(side * SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
    distance = np.sqrt((places - x) ** 2 + ((places - y) ** 2)[:, None])
    radii = np.arange(int(largest / STEP) + 1) * STEP
    bins = np.minimum(distance / STEP, len(radii) - 1).astype(np.int64)  # the last bin collects all pixels outside
    flux = np.bincount(bins.ravel(), divided(image).ravel(), len(radii))[:-1]
    return Growth(radii, np.r_[0.0, np.cumsum(flux)])


def divided(image: np.ndarray) -> np.ndarray:
    """[4y 4x] each pixel's flux in 4 × 4 subpixels that sum to it, by the slopes between its neighbours in x and y."""
    return _divided_rows(_divided_rows(image).T).T


def _divided_rows(image: np.ndarray) -> np.ndarray:
    """[4y x] each row in four, by the slope between its neighbours; edge rows are repeated. It avoids matrix products,
    whose threads would wait for each other on a busy machine."""
    padded = np.pad(image, ((1, 1), (0, 0)), mode="edge")
    slope = (padded[2:] - padded[:-2]) / 2
    fine = np.empty((SUBPIXELS * len(image), image.shape[1]))
    for number in range(SUBPIXELS):
        fine[number::SUBPIXELS] = (image + ((number + 0.5) / SUBPIXELS - 0.5) * slope) / SUBPIXELS
    return fine


def concentration(growth: Growth) -> float:
    """C = 5 log10(r80 / r20), radii with 80 and 20% of the flux (Conselice 2003)."""
    wide, narrow = growth.radius_of(0.8), growth.radius_of(0.2)
    return 5 * math.log10(wide / narrow) if narrow > 0 else math.nan


def asymmetry(image: np.ndarray, x: float, y: float, radius: float, sigma: float) -> float:
    """A = sum |I - I180| / sum |I| within a radius, minus the contribution of noise: 2 sigma / sqrt(pi) per pixel.

    I180 is the image rotated by 180 degrees about the adaptive centre, by cubic splines (Conselice 2003 minimizes A
    over the centre; the adaptive centre is close to that). NaN if the result exceeds the maximum.
    """
    side = len(image)
    if not radius > 0:
        return math.nan
    rows, columns = np.arange(side), np.arange(side)
    inside = (columns - x) ** 2 + ((rows - y) ** 2)[:, None] <= radius**2
    turned = ndimage.shift(image[::-1, ::-1], (2 * y - (side - 1), 2 * x - (side - 1)), order=3, mode="nearest")
    difference = np.abs(image - turned)[inside].sum() - 2 * sigma / math.sqrt(math.pi) * inside.sum()
    total = np.abs(image)[inside].sum()
    found = float(difference / total) if total > 0 else math.nan
    return found if found <= MOST_ASYMMETRIC else math.nan


def smoothness(image: np.ndarray, x: float, y: float, petrosian: float, sigma: float) -> float:
    """S = sum max(I - I_smooth, 0) / sum I between 0.25 and 1.5 Petrosian radii, minus the contribution of noise.

    I_smooth: the mean in a box with a side of a quarter of the Petrosian radius, an odd number of pixels (Conselice
    2003). White noise of variance s² contributes s sqrt((1 - 1/n) / 2 pi) per pixel, where n is the box's number of
    pixels. NaN if sum I is not above its noise.
    """
    if not petrosian > 0:
        return math.nan
    box = max(3, 2 * round((FRACTION * petrosian - 1) / 2) + 1)
    side = len(image)
    r2 = (np.arange(side) - x) ** 2 + ((np.arange(side) - y) ** 2)[:, None]
    inside = (r2 <= (TOTAL_RADII * petrosian) ** 2) & (r2 > (FRACTION * petrosian) ** 2)
    rough = np.maximum(image - ndimage.uniform_filter(image, box, mode="nearest"), 0)[inside].sum()
    noise = sigma * math.sqrt((1 - 1 / box**2) / (2 * math.pi)) * inside.sum()
    total = image[inside].sum()
    return float((rough - noise) / total) if total > sigma * math.sqrt(inside.sum()) else math.nan


def segment(image: np.ndarray, x: float, y: float, petrosian: float) -> np.ndarray:
    """[y x] mask of the galaxy's pixels: after smoothing by a fifth of the Petrosian radius, brighter than the ring at
    that radius, and connected (Lotz et al. 2004)."""
    if not petrosian > 0:
        return np.zeros(image.shape, bool)
    smooth = ndimage.gaussian_filter(image, SEGMENT_SMOOTHING * petrosian, mode="nearest")
    side = len(image)
    distance = np.sqrt((np.arange(side) - x) ** 2 + ((np.arange(side) - y) ** 2)[:, None])
    ring = smooth[np.abs(distance - petrosian) < 0.75]
    if not len(ring) or ring.mean() <= 0:
        return np.zeros(image.shape, bool)
    bright = smooth >= ring.mean()
    parts, count = ndimage.label(bright)
    middle = parts[min(int(y + 0.5), side - 1), min(int(x + 0.5), side - 1)]
    if count <= 1 or not middle:
        return bright & (distance <= TOTAL_RADII * petrosian)
    return parts == middle


def gini(pixels: np.ndarray) -> float:
    """G = sum_i (2i - n - 1) |X_i| / (mean |X| n (n - 1)), pixels in rising order (Lotz et al. 2004)."""
    ordered, count = np.sort(np.abs(pixels)), len(pixels)
    if count < 2 or not ordered.any():
        return math.nan
    return float((ordered * (2 * np.arange(1, count + 1) - count - 1)).sum() / (ordered.mean() * count * (count - 1)))


def m20(image: np.ndarray, inside: np.ndarray) -> float:
    """log10 of the ratio of the second moment of the brightest pixels with 20% of the flux to that of all pixels, about
    the centre that minimizes the latter: the segment's centroid (Lotz et al. 2004)."""
    rows, columns = np.nonzero(inside)
    flux = np.maximum(image[inside], 0).astype(np.float64)
    total = flux.sum()
    if len(flux) < 4 or not total > 0:
        return math.nan
    moment = flux * ((columns - (flux @ columns) / total) ** 2 + (rows - (flux @ rows) / total) ** 2)
    order = np.argsort(-flux, kind="stable")
    bright = np.cumsum(flux[order]) <= 0.2 * total
    bright[0] = True
    brightest, whole = moment[order][bright].sum(), moment.sum()
    return math.log10(brightest / whole) if brightest > 0 else math.nan


# Correlation of the noise between pixels, from the sky of stamps.
#
# Resampling and co-adding of exposures, and undetected sources, correlate the noise of neighbouring pixels. Sums over
# many pixels, such as fluxes, then vary more than the variance of a pixel tells: C of 0.03 up to five pixels away
# doubles the noise of a flux.

SKY = 0.35
"""Distance from the middle, relative to the side, from which pixels are sky."""
LARGEST_LAG = 16
"""Largest offset in pixels; beyond it the correlation is taken as 0. At most 3/8 of the side."""
CLIPPED = 5.0
"""Pixels of the sky are limited to this multiple of the noise, so that a source doesn't outweigh all others."""
WHITE = 0.05
"""Correlations of neighbours up to this are taken for white noise: wings of galaxies make as much."""
SIGNIFICANT, FEWEST_PAIRS = 4.0, 1000
"""Standard errors above which noise is correlated, and the least number of pairs of pixels to tell."""
FEWEST_SKY = 300
"""Pixels of sky from which its variance is told: to 13% by their median deviation."""
TOLD = 2.0
"""Standard errors below which a correlation is taken as 0, so that their scatter doesn't add up."""


def noise_correlation(stamps: Sequence[Stamp]) -> Float[np.ndarray, "band v u"] | None:
    """Autocovariance of the noise in each band in units of the stated variance, from the sky of stamps.

    Parameters
    ----------
    stamps : sequence of Stamp
        Of equal shape. Noise-free ones are left out, and so is the brighter half of the others, whose wings reach into
        the sky.

    Returns
    -------
    array [band v u] or None
        C(v, u) = E[n(y, x) n(y + v, x + u)] of n = sky / sigma, 0 where it is below two standard errors; None if no
        pixels at most two apart are correlated by more than 0.05 and by four standard errors. C(0, 0) is above 1 where
        the noise is larger than stated, as undetected sources make it, and 1 in a band without noise in the sky.
    """
    noisy = [one for one in stamps if (one.variance > 0).all()]
    faint = sorted(noisy, key=lambda one: float(one.image.sum()))[: (len(noisy) + 1) // 2]
    if not faint:
        return None
    found, pairs = _correlated(faint)
    middle = found.shape[-1] // 2
    found[found[:, middle, middle] <= 0, middle, middle] = 1.0
    error = 1 / np.sqrt(pairs.clip(min=1))
    near = np.s_[middle - 2 : middle + 3]
    others = found[:, near, near].copy()
    others[:, 2, 2] = 0.0
    largest = np.maximum(WHITE, SIGNIFICANT * error[near, near])
    if pairs[near, near].min() < FEWEST_PAIRS or not (np.abs(others) > largest).any():
        return None
    return np.where(np.abs(found) > TOLD * error, found, 0.0).astype(np.float32)


def sky_scatter(stamp: Stamp) -> Float[np.ndarray, " band"]:
    """The variance of the sky in each band relative to the stated one; NaN where few pixels are sky."""
    noise, sky = _sky(stamp)
    if sky.sum() < FEWEST_SKY:
        return np.full(len(stamp.bands), np.nan)
    return np.array([(1.4826 * np.median(np.abs(one[sky] - np.median(one[sky])))) ** 2 for one in noise])


def _sky(stamp: Stamp) -> tuple[Float[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]:
    """Pixels of the sky in units of the noise, 0 elsewhere, and where they are."""
    away = np.arange(stamp.side) - (stamp.side - 1) / 2
    sky = np.hypot(away, away[:, None]) > SKY * stamp.side
    if stamp.mask is not None:
        sky &= ~stamp.mask
    noise = (stamp.image / np.sqrt(per_band(stamp.variance))).clip(-CLIPPED, CLIPPED)
    return np.where(sky, noise, 0.0), sky


def _correlated(stamps: Sequence[Stamp]) -> tuple[Float[np.ndarray, "band v u"], Float[np.ndarray, "v u"]]:
    """Means of products over all pairs of sky pixels with each offset, and the numbers of pairs."""
    side = stamps[0].side
    lag = min(LARGEST_LAG, 3 * side // 8)
    padded = (side + lag, side + lag)
    power, window = 0.0, 0.0
    for stamp in stamps:
        noise, sky = _sky(stamp)
        power = power + np.abs(scipy.fft.rfft2(noise, padded)) ** 2
        window = window + np.abs(scipy.fft.rfft2(sky.astype(np.float64), padded)) ** 2
    products, pairs = (
        np.roll(scipy.fft.irfft2(one, padded), (lag, lag), (-2, -1))[..., : 2 * lag + 1, : 2 * lag + 1]
        for one in (power, window)
    )
    return products / pairs.round().clip(min=1), pairs.round()


# The properties of stamps, measured in the first band, with PSF and noise.

POSITIVE = (0.0, math.inf)
_ALL = (
    Property("flux", "nJy", 100.0, 100_000.0, None, 20.0, "sum of the pixels of the first band"),
    Property("magnitude", "mag", 18.0, 26.0, None, 0.1, "AB magnitude of `flux`"),
    Property("half_light_radius", "arcsec", 0.1, 2.0, None, 0.03, "radius of the circle that holds half of the flux",
             possible=POSITIVE),
    Property("e1", "", -0.8, 0.8, None, 0.02, "ellipticity (a - b) / (a + b) along x: adaptive moments",
             possible=(-1, 1)),
    Property("e2", "", -0.8, 0.8, None, 0.02, "ellipticity (a - b) / (a + b) at 45 degrees to x: adaptive moments",
             possible=(-1, 1)),
    Property("ellipticity", "", 0.0, 0.8, None, 0.02, "(a - b) / (a + b) by adaptive moments", possible=(0, 1)),
    Property("concentration", "", 1.5, 6.0, None, 0.1, "5 log10(r80 / r20) of the curve of growth", possible=POSITIVE),
    Property("asymmetry", "", -0.1, 1.2, None, 0.05, "what changes when the galaxy is turned by 180 degrees"),
    Property("smoothness", "", -0.1, 0.5, None, 0.02, "light in small structures (clumpiness)"),
    Property("gini", "", 0.3, 0.8, None, 0.02, "how unevenly light is spread over the galaxy's pixels"),
    Property("m20", "", -3.0, -0.5, None, 0.1, "log10 second moment of the brightest 20% of the light over all"),
    Property("signal_to_noise", "", 0.0, 1000.0, "maximize", 5.0, "flux within the half-light radius over its noise",
             observed=True),
)  # fmt: skip
_FAINT = "no source in the middle of the first band stands out of the noise"
_UNKNOWN = {"flux": "", "magnitude": "the flux in the first band isn't positive"}
PROPERTIES = {one.name: replace(one, unknown=_UNKNOWN.get(one.name, _FAINT)) for one in _ALL}
GIVEN = frozenset(PROPERTIES) - {"signal_to_noise"}
"""Properties whose catalogue values are preferred, such as values measured on the noise-free image."""


def measure(stamps: Sequence[Stamp], names: Sequence[str]) -> np.ndarray:
    """[stamp property] values, NaN where an estimator fails."""
    for name in names:
        if name not in PROPERTIES:
            raise unknown_name("property of galaxies", name, PROPERTIES)
    values = [measure_stamp(stamp) for stamp in stamps]
    return np.array([[one[name] for name in names] for one in values], np.float64).reshape(len(stamps), len(names))


@lru_cache(maxsize=1024)
def measure_stamp(stamp: Stamp) -> Mapping[str, float]:
    """All properties of one stamp by name. Cached, since oracles compute one property at a time."""
    image = stamp.image[0].astype(np.float64)
    values = dict.fromkeys(PROPERTIES, math.nan)
    flux = float(image.sum())
    values |= {"flux": flux, "magnitude": float(magnitude(flux))}
    moments = adaptive_moments(image)
    if moments is None:
        return values
    values |= {"e1": moments.e1, "e2": moments.e2, "ellipticity": math.hypot(moments.e1, moments.e2)}
    variance = stamp.variance[0]
    return values | _of_growth(image, moments, variance, stamp.pixel_scale)


def _of_growth(
    image: np.ndarray, moments: ImageMoments, variance: np.ndarray, pixel_scale: float
) -> dict[str, float]:  # fmt: skip
    x, y, sigma = moments.x, moments.y, math.sqrt(float(np.mean(variance)))
    growth = curve_of_growth(image, x, y)
    half, petrosian = growth.radius_of(0.5), growth.petrosian_radius()
    inside = segment(image, x, y, petrosian)
    return {
        "half_light_radius": half * pixel_scale,
        "concentration": concentration(growth),
        "asymmetry": asymmetry(image, x, y, TOTAL_RADII * petrosian, sigma),
        "smoothness": smoothness(image, x, y, petrosian, sigma),
        "gini": gini(image[inside]),
        "m20": m20(image, inside),
        "signal_to_noise": growth.within(half) / (sigma * math.sqrt(math.pi) * half) if sigma > 0 else math.nan,
    }
