"""Brief contacts: one person stands while others come close for a moment each. Logged for review, never an alert."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import BriefContactConfig
from edge.crowds.near import distances
from edge.presence.episodes import Episode
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.confinement import radius_of
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import Findings
from edge.signals import Signal

STANDS_AFTER_S = 60.0
"""Dwell from which a person may count as standing."""
STANDS_WITHIN = 1.5
"""Units: radius of the circle that must hold nine tenths of a standing person's path."""
SHORTEST_CONTACT_S = 3.0
"""Seconds; walking past somebody takes less."""
PARTED_AFTER_S = 3.0
"""Seconds apart after which a contact is over."""
SCORE = 0.3


@dataclass(slots=True)
class _Contact:
    """near_s: when the two were last near each other."""

    since: Instant
    near_s: float


@dataclass(slots=True)
class _Stander:
    """A standing person. contacts: those going on, by the other person. ended: start and other person of those over."""

    contacts: dict[int, _Contact] = field(default_factory=dict)
    ended: list[tuple[Instant, int]] = field(default_factory=list)
    key: str | None = None


class BriefContactRule(ZoneRule):
    """See `docs/behaviours.md`, Brief contacts."""

    kind = Rule.BRIEF_CONTACT

    def __init__(self, context: RuleContext, config: BriefContactConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._standers: dict[int, _Stander] = {}

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals = []
        for episode in moment.presence.left:
            stander = self._standers.pop(episode.person_id, None)
            if stander is not None and stander.key is not None:
                signals.append(self._reporter.end(stander.key, moment.at, (Reason(code="left_zone"),)))
        open_ids = {one.person_id for one in moment.presence.open}
        self._standers = {one: known for one, known in self._standers.items() if one in open_ids}
        here = list(moment.presence.present)
        apart = distances(here)
        for row, episode in enumerate(here):
            if not self._stands(episode):
                continue
            near = {here[column].person_id for column in range(len(here)) if apart[row, column] <= self._config.radius}
            stander = self._standers.setdefault(episode.person_id, _Stander())
            self._note_contacts(stander, near, moment.at)
            signals.extend(self._judge(episode, stander, moment))
        return signals

    def _forget(self) -> None:
        self._standers.clear()

    def _stands(self, episode: Episode) -> bool:
        if episode.person_id in self._standers:
            return True
        return episode.dwell_s >= STANDS_AFTER_S and radius_of(episode.path.in_units()[1]) <= STANDS_WITHIN

    def _note_contacts(self, stander: _Stander, near: set[int], at: Instant) -> None:
        for person_id in near:
            contact = stander.contacts.setdefault(person_id, _Contact(at, at.mono_s))
            contact.near_s = at.mono_s
        for person_id, contact in list(stander.contacts.items()):
            if at.mono_s - contact.near_s <= PARTED_AFTER_S:
                continue
            del stander.contacts[person_id]
            contact_s = contact.near_s - contact.since.mono_s
            if SHORTEST_CONTACT_S <= contact_s < self._config.max_contact_s:
                stander.ended.append((contact.since, person_id))
        oldest_s = at.mono_s - self._config.window_s
        stander.ended = [one for one in stander.ended if one[0].mono_s >= oldest_s]

    def _judge(self, episode: Episode, stander: _Stander, moment: ZoneMoment) -> list[Signal]:
        others = {person_id for _, person_id in stander.ended}
        if stander.key is not None or len(others) < self._config.min_contacts or not self._reporter.may_begin(moment):
            return []
        began = stander.ended[0][0]
        spread_s = moment.at.mono_s - began.mono_s
        contacts = Reason(code="short_contacts", params={"contacts": len(others), "window_s": spread_s})
        signal = self._reporter.begin(moment, Findings(began, SCORE, (contacts,), 1, tuple(episode.track_ids)))
        stander.key = signal.key
        return [signal]
