"""Exponential back-off with a cap, and with jitter so that a fleet does not retry in step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Delays in seconds: `base_s`, doubled with each failure up to `cap_s`, each shortened by up to a half.

    The count of failures is kept in memory only: a restart is a reason to retry at once.
    """

    base_s: float
    cap_s: float
    rng: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def after_failure(self, at_least_s: float = 0.0) -> float:
        """Count a failure; return the seconds to wait, at least `at_least_s` (such as a server's Retry-After)."""
        full_s = min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return max(full_s * self.rng.uniform(0.5, 1.0), at_least_s)

    def reset(self) -> None:
        """Start again at `base_s` after a success."""
        self.failures = 0
