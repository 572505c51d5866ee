"""Shares that people's verdicts tell of, each with how sure it is: the Beta distribution, without a library.

The prior is Jeffreys', Beta(1/2, 1/2): it knows nothing, and its intervals cover as often as they say even for few
verdicts (Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

JEFFREYS = 0.5
CREDIBLE = 0.90
"""The share of an interval; a twentieth lies on either side of it."""
_TINY = 1e-300
_EXACT = 1e-13
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share in 0 to 1: its mean, and the ends of the interval in which it lies with `CREDIBLE` probability."""

    mean: float
    low: float
    high: float


def share(hits: float, misses: float) -> Estimate:
    """The share of hits that so many hits and misses tell of. They need not be whole: weighted counts are none.

    Raises:
        ValueError: a negative count.
    """
    if hits < 0 or misses < 0:
        raise ValueError(f"counts are not negative, got {hits:g} hits and {misses:g} misses")
    a, b = hits + JEFFREYS, misses + JEFFREYS
    tail = (1.0 - CREDIBLE) / 2.0
    # Nothing but hits leaves no reason to exclude 1, nor nothing but misses 0: the interval's ends then lie there.
    low = 0.0 if hits == 0 else beta_quantile(tail, a, b)
    high = 1.0 if misses == 0 else beta_quantile(1.0 - tail, a, b)
    return Estimate(a / (a + b), low, high)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The probability that a Beta(a, b) variable is at most x: the regularised incomplete beta function.

    By its continued fraction with Lentz's method (Abramowitz and Stegun 26.5.8), on the side where it converges fast.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    return math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b)) * _fraction(x, a, b) / a


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Where `beta_cdf` reaches the probability: Newton's steps, and a bisection's where one would leave the bracket."""
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_STEPS):
        over = beta_cdf(x, a, b) - probability
        low, high = (low, x) if over > 0.0 else (x, high)
        density = math.exp((a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x) - _log_beta(a, b))
        following = x - over / density if density > 0.0 else low
        if not low < following < high:
            following = (low + high) / 2.0
        if abs(following - x) <= _EXACT * x or not 0.0 < following < 1.0:
            return following
        x = following
    return x


def surely_at_most(hits: float, misses: float, bound: float) -> bool:
    """Whether `share(hits, misses).high` is at most the bound, without looking for where it lies."""
    return misses > 0 and beta_cdf(bound, hits + JEFFREYS, misses + JEFFREYS) >= 1.0 - (1.0 - CREDIBLE) / 2.0


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _apart(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _apart(1.0 + term * d)
            c = _apart(1.0 + term / c)
            value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value


def _apart(value: float) -> float:
    """Never zero: Lentz's method divides by it."""
    return value if abs(value) > _TINY else _TINY
