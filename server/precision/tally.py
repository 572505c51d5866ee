"""How often a rule was right in a zone, as far as people said: counts of verdicts, and what they tell.

`useful` counts for the rule; `normal_activity` and `detector_error` count against it. `camera_fault` says that nobody
could have judged: it counts for neither, and is shown beside them. Of the rule that itself reports camera faults it
confirms what was said: somebody who closes "the camera is covered" as a camera fault agrees.

Alerts without a verdict tell nothing. People leave out what they like, so the share of verdicts belongs beside every
precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contract.event import Rule
from contract.verdict import VerdictKind
from server.precision.estimates import Estimate, share


@dataclass(frozen=True, slots=True)
class Tally:
    """Alerts of one rule, and how many were closed with which verdict."""

    rule: Rule
    alerts: int
    verdicts: Mapping[VerdictKind, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min((0, *self.verdicts.values())) < 0 or self.judged > self.alerts:
            raise ValueError(f"of {self.alerts} alerts at most so many have a verdict, got {dict(self.verdicts)}")

    def count(self, kind: VerdictKind) -> int:
        return self.verdicts.get(kind, 0)

    @property
    def judged(self) -> int:
        return sum(self.verdicts.values())

    @property
    def right(self) -> int:
        return sum(self.count(kind) for kind in VerdictKind if is_right(self.rule, kind))

    @property
    def wrong(self) -> int:
        return sum(self.count(kind) for kind in VerdictKind if is_right(self.rule, kind) is False)

    @property
    def unjudged_share(self) -> float:
        """Of the alerts, 0 to 1; 0 without any."""
        return (self.alerts - self.judged) / self.alerts if self.alerts else 0.0

    @property
    def precision(self) -> Estimate | None:
        """None before the first verdict that counts for or against the rule."""
        return share(self.right, self.wrong) if self.right + self.wrong else None


def is_right(rule: Rule, verdict: VerdictKind) -> bool | None:
    """Whether the verdict says that the rule was right; None if it says nothing about the rule."""
    if verdict is VerdictKind.CAMERA_FAULT:
        return True if rule is Rule.CAMERA_FAULT else None
    return verdict is VerdictKind.USEFUL


def together(rule: Rule, tallies: Iterable[Tally]) -> Tally:
    """Several zones of one rule as one tally."""
    those = list(tallies)
    verdicts = {kind: sum(one.count(kind) for one in those) for kind in VerdictKind}
    return Tally(rule, sum(one.alerts for one in those), verdicts)
