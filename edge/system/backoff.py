"""How long to wait after a failure: exponential, bounded, and jittered so that a fleet does not come back as one."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Delays of one thing that fails: `base_s`, twice that, ... up to `cap_s`, each shortened by up to a half.

    Kept in memory only: a restart is a reason to try at once, since it often is what cured the failure.
    """

    base_s: float
    cap_s: float
    rng: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def after_failure(self, at_least_s: float = 0.0) -> float:
        """Count a failure and say how many seconds to wait; the server's own wish `at_least_s` is honoured."""
        full_s = min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return max(full_s * self.rng.uniform(0.5, 1.0), at_least_s)

    def reset(self) -> None:
        """It works again."""
        self.failures = 0
