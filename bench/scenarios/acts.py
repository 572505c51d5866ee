"""Scripted scenes with known truth: revisits, groups, gatherings, dispersals, and scenes that resemble them."""

from __future__ import annotations

import numpy as np

from bench.scenarios.people import PathMaker, Rng, Walker, random_stream

ZONE_M = (-4.0, 4.0, 6.5, 13.5)
"""Left, right, near and far edge of the zone in these scenes, metres on the ground."""


def spot(rng: Rng, room_m: float = 1.2) -> tuple[float, float]:
    """A random point in the zone, at least `room_m` from its edge."""
    left, right, near, far = ZONE_M
    return float(rng.uniform(left + room_m, right - room_m)), float(rng.uniform(near + room_m, far - room_m))


def outside(rng: Rng) -> tuple[float, float]:
    """A random point in the frame beside the zone."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    return side * float(rng.uniform(5.5, 7.0)), float(rng.uniform(9.5, 13.0))


def visits(rng: Rng, at_s: float, stays_s: list[float], absences_s: list[float]) -> Walker:
    """A person who visits the zone several times and waits beside it, within the frame, in between."""
    place, away = spot(rng), outside(rng)
    path = PathMaker(rng, at_s, away)
    for number, stay_s in enumerate(stays_s):
        path.walk_to(*place).linger(stay_s, 0.8)
        path.walk_to(*away)
        if number < len(absences_s):
            path.stay(absences_s[number])
    return path.stay(5.0).done("visitor")


def revisit_scene(rng: Rng, *, positive: bool) -> list[Walker]:
    """Positive: three to five visits with enough dwell. Negative: two visits, little dwell, or no absence."""
    count = int(rng.integers(3, 6))
    stays = rng.uniform(45, 90, count).tolist()
    absences = rng.uniform(45, 240, count - 1).tolist()
    if not positive:
        kind = int(rng.integers(0, 3))
        if kind == 0:
            stays, absences = stays[:2], absences[:1]
        elif kind == 1:
            stays = rng.uniform(6, 20, 3).tolist()
            absences = absences[:2]
        else:
            absences = rng.uniform(2, 12, count - 1).tolist()
    return [visits(rng, 5.0, stays, absences), *random_stream(rng, 1500.0, 2.0)]


def group_scene(rng: Rng, *, positive: bool) -> list[Walker]:
    """Positive: three to six people stand together. Negative: two people, several apart, or a brief meeting."""
    kind = -1 if positive else int(rng.integers(0, 3))
    count = 2 if kind == 0 else int(rng.integers(3, 7))
    seconds = 35.0 if kind == 2 else float(rng.uniform(100, 240))
    middle = spot(rng, 1.6)
    members = []
    for number in range(count):
        angle = 2 * np.pi * number / count
        reach = 0.65 if kind != 1 else 3.2
        place = (middle[0] + reach * float(np.cos(angle)), middle[1] + reach * float(np.sin(angle)))
        path = PathMaker(rng, float(rng.uniform(0, 6)), outside(rng)).walk_to(*place)
        members.append(path.linger(seconds, 0.15).walk_to(*outside(rng)).done("member"))
    return [*members, *random_stream(rng, 320.0, 2.0)]


def gathering_scene(rng: Rng, *, positive: bool) -> tuple[list[Walker], float | None]:
    """(people, arrival of the fourth in seconds). Positive: six or more arrive within a minute. Negative: at most
    three."""
    arriving = int(rng.integers(6, 12)) if positive else int(rng.integers(0, 4))
    start_s, middle = 150.0, spot(rng, 2.2)
    arrivals, members = [], []
    for _ in range(arriving):
        reach, angle = 0.5 + 1.1 * float(np.sqrt(rng.uniform())), float(rng.uniform(0, 2 * np.pi))
        place = (middle[0] + reach * float(np.cos(angle)), middle[1] + reach * float(np.sin(angle)))
        path = PathMaker(rng, start_s + float(rng.uniform(0, 40)), outside(rng)).walk_to(*place)
        arrivals.append(path.at_s)
        members.append(path.linger(float(rng.uniform(120, 160)), 0.3).walk_to(*outside(rng)).done("member"))
    needed = sorted(arrivals)[3] if len(arrivals) >= 4 else None
    return [*members, *random_stream(rng, 420.0, float(rng.uniform(1, 4)))], needed


def dispersal_scene(rng: Rng, *, positive: bool) -> tuple[list[Walker], float | None]:
    """(people, when they start to run in seconds).

    Positive: a standing crowd runs apart. Negative: it walks off, and one person jogs through.
    """
    count = int(rng.integers(6, 12))
    middle, panic_s = spot(rng, 2.2), 60.0 + float(rng.uniform(0, 20))
    people = []
    for _ in range(count):
        reach, angle = 0.4 + 1.6 * float(np.sqrt(rng.uniform())), float(rng.uniform(0, 2 * np.pi))
        place = (middle[0] + reach * float(np.cos(angle)), middle[1] + reach * float(np.sin(angle)))
        path = PathMaker(rng, 0.0, place)
        leave_s = panic_s + float(rng.uniform(0, 1.0)) if positive else panic_s + float(rng.uniform(0, 40))
        path.linger(max(1.0, leave_s - 4.0), 0.2)
        path.stay(max(0.0, leave_s - path.at_s))
        away = angle + float(rng.normal(0, 0.25))
        target = (middle[0] + 14 * float(np.cos(away)), max(4.0, middle[1] + 14 * float(np.sin(away))))
        path.walk_to(*target, float(rng.uniform(3.2, 5.0)) if positive else None)
        people.append(path.done("member"))
    if not positive:
        side = 1.0 if rng.uniform() < 0.5 else -1.0
        jog = PathMaker(rng, panic_s, (-side * 12.0, middle[1])).walk_to(side * 12.0, middle[1], 3.0)
        people.append(jog.done("jogger"))
    return people, panic_s if positive else None
