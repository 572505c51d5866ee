"""Incidents and the digest, as a console meets them: over HTTP and the feed, across restarts, for different people."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contract.clock import ManualClock
from contract.event import Event, Phase, Rule, Severity
from server.alerts import placements
from server.alerts.placements import PlacementService
from server.permissions import Scope
from server.store import alerts
from server.store.alerts import AlertFilter
from server.store.database import Database
from tests.support.feed import FeedReader
from tests.support.server import API, LiveServer, consistency_findings, event_of, following, send

Maker = Callable[..., LiveServer]
START = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
"""Noon in Jakarta."""
ZONES = tuple(f"zone-{number}" for number in range(40))


class Street:
    """A server whose clock the test moves, and boxes that send it events."""

    def __init__(self, make_server: Maker, **budget: object) -> None:
        self.clock = ManualClock(START)
        self.server = make_server(self.clock, alert_budget=budget)
        self.sent = 0

    def opens(self, zone: str, severity: Severity = Severity.WARNING, kampung: str = "bahari", **more: object) -> Event:
        """A signal that begins now; the server receives it at once."""
        self.sent += 1
        now = self.clock.utc()
        more = {"captured_at": now, "began_at": now - timedelta(seconds=60), **more}
        event = event_of(self.sent, kampung, zone_id=zone, severity=severity, **more)
        self.deliver(event)
        return event

    def rises(self, event: Event, severity: Severity) -> None:
        self.sent += 1
        self.deliver(following(event, self.sent, phase=Phase.CONTINUES, severity=severity))

    def deliver(self, event: Event) -> None:
        device = "box-1" if event.data.kampung_id == "bahari" else "box-2"
        answer = send(self.server.device(device), event)
        assert answer.status_code == 201, answer.text

    def waits(self, seconds: float) -> None:
        self.clock.advance(seconds)


def zones(client: httpx.Client, **query: str) -> list[str]:
    """The zones of the listed alerts, oldest first."""
    answer = client.get(f"{API}/alerts", params=httpx.QueryParams({"limit": 200}).merge(query))
    assert answer.status_code == 200, answer.text
    return [item["zone_id"] for item in reversed(answer.json()["items"])]


def alert_of(client: httpx.Client, event: Event) -> dict[str, Any]:
    items: list[dict[str, Any]] = client.get(f"{API}/alerts", params={"limit": 200}).json()["items"]
    return next(
        item for item in items if item["captured_at"] == event.data.captured_at.isoformat().replace("+00:00", "Z")
    )


def digest(client: httpx.Client) -> dict[str, tuple[int, int]]:
    answer = client.get(f"{API}/digest").json()
    return {one["kampung_id"]: (one["this_hour"], one["total"]) for one in answer["kampung"]}


def test_beyond_six_incidents_an_hour_the_rest_waits_in_a_digest_that_lists_every_alert(make_server: Maker) -> None:
    street = Street(make_server)
    for zone in ZONES[:9]:
        street.opens(zone)
        street.waits(1)
    client = street.server.log_in("operator-bahari")

    assert zones(client, placement="shown") == list(ZONES[:6])
    assert zones(client, placement="digest") == list(ZONES[6:9])
    assert zones(client) == list(ZONES[:9])
    assert digest(client) == {"bahari": (3, 3)}
    waiting = client.get(f"{API}/alerts", params={"placement": "digest"}).json()["items"][0]
    assert waiting["incident"]["reason"] == "budget_spent"


def test_a_digested_alert_is_opened_judged_and_audited_like_any_other(make_server: Maker) -> None:
    street = Street(make_server, incidents_per_hour=1)
    street.opens(ZONES[0])
    street.waits(1)
    waiting = street.opens(ZONES[1])
    client = street.server.log_in("operator-bahari")
    alert = alert_of(client, waiting)
    assert alert["incident"]["placement"] == "digest"
    for body in (
        {"to": "acknowledged", "expected_version": 1},
        {"to": "dismissed", "verdict": "normal_activity", "expected_version": 2},
    ):
        answer = client.post(f"{API}/alerts/{alert['id']}/transitions", json=body)
        assert answer.status_code == 200, answer.text
    assert answer.json()["incident"]["placement"] == "digest"
    assert digest(client) == {"bahari": (0, 0)}
    actions = street.server.log_in("auditor-bahari").get(f"{API}/audit").json()["items"]
    assert {"alert.acknowledged", "alert.dismissed"} <= {
        entry["action"] for entry in actions if entry["subject"] == f"alert:{alert['id']}"
    }


def test_alerts_of_one_place_and_behaviour_are_one_incident_also_when_one_arrives_hours_late(
    make_server: Maker,
) -> None:
    street = Street(make_server)
    first = street.opens(ZONES[0])
    street.waits(500)
    second = street.opens(ZONES[0])
    other = street.opens(ZONES[0], rule=Rule.GATHERING, captured_at=street.clock.utc() + timedelta(seconds=1))
    street.waits(3 * 3600)
    late = street.opens(
        ZONES[0], captured_at=first.data.captured_at - timedelta(minutes=9), began_at=START - timedelta(hours=1)
    )
    client = street.server.log_in("operator-bahari")

    incident = alert_of(client, first)["incident"]["id"]
    assert [alert_of(client, one)["incident"]["id"] for one in (second, late)] == [incident, incident]
    assert alert_of(client, other)["incident"]["id"] != incident
    detail = client.get(f"{API}/alerts/{alert_of(client, second)['id']}").json()
    assert [mate["id"] for mate in detail["mates"]] == [alert_of(client, first)["id"], alert_of(client, late)["id"]]
    assert [one["id"] for one in detail["neighbours"]] == [alert_of(client, other)["id"]]
    assert len(zones(client, incident=incident)) == 3


def test_two_alerts_of_one_place_that_are_stored_in_one_transaction_are_one_incident(make_server: Maker) -> None:
    street = Street(make_server)
    events = [street.opens(ZONES[0], captured_at=START + timedelta(seconds=n)) for n in range(2)]
    client = street.server.log_in("operator-bahari")

    assert len({alert_of(client, one)["incident"]["id"] for one in events}) == 1


def test_a_desk_of_one_kampung_is_not_crowded_out_by_others_and_learns_nothing_of_them(make_server: Maker) -> None:
    street = Street(make_server)
    for zone in ZONES[:9]:
        street.opens(zone, kampung="kenanga")
        street.waits(1)
    street.opens(ZONES[9])
    own = street.server.log_in("operator-bahari")
    everywhere = street.server.log_in("auditor")

    assert zones(own, placement="shown") == [ZONES[9]]
    assert own.get(f"{API}/digest").json()["kampung"] == [{"kampung_id": "bahari", "this_hour": 0, "total": 0}]
    assert zones(everywhere, placement="digest") == [*ZONES[6:9], ZONES[9]]
    assert digest(everywhere) == {"bahari": (1, 1), "kenanga": (3, 3)}
    assert digest(street.server.log_in("operator-kenanga")) == {"kenanga": (3, 3)}


def test_people_with_the_same_grants_and_a_server_that_starts_again_see_the_same(make_server: Maker) -> None:
    street = Street(make_server)
    risen = street.opens(ZONES[0], Severity.NOTICE)
    for zone in ZONES[1:12]:
        street.opens(zone, Severity.NOTICE)
        street.waits(1)
    street.rises(risen, Severity.WARNING)
    before = zones(street.server.log_in("operator-bahari"), placement="shown")
    street.server.stop()
    with LiveServer(street.server.settings, street.server.tokens, street.clock) as again:
        assert zones(again.log_in("operator-bahari"), placement="shown") == before
        assert zones(again.log_in("auditor-bahari"), placement="shown") == before
    assert before == list(ZONES[:3])
    assert consistency_findings(street.server.settings) == []


def test_an_alert_that_becomes_critical_brings_its_whole_incident_out_of_the_digest_and_the_feed_tells_all_of_it(
    make_server: Maker,
) -> None:
    street = Street(make_server, incidents_per_hour=1)
    street.opens(ZONES[0])
    street.waits(1)
    first = street.opens(ZONES[1])
    street.waits(1)
    second = street.opens(ZONES[1])
    street.waits(60)
    with FeedReader(street.server.log_in("operator-bahari")) as feed:
        street.rises(second, Severity.CRITICAL)
        told = [feed.next(), feed.next()]
        assert feed.nothing_more()
    client = street.server.log_in("operator-bahari")

    assert [one.data["raised"] for one in told] == [True, True]
    assert [one.data["alert"]["id"] for one in told] == [alert_of(client, first)["id"], alert_of(client, second)["id"]]
    assert {one.data["alert"]["incident"]["placement"] for one in told} == {"shown"}
    assert told[1].data["alert"]["incident"]["reason"] == "critical"
    assert zones(client, placement="digest") == []


def test_whoever_resumes_the_feed_is_told_of_a_raised_incident_too_and_of_a_quiet_change_nothing_is_raised(
    make_server: Maker,
) -> None:
    street = Street(make_server, incidents_per_hour=1)
    with FeedReader(street.server.log_in("operator-bahari")) as feed:
        street.opens(ZONES[0])
        seen = feed.next()
    street.waits(1)
    waiting = street.opens(ZONES[1])
    street.rises(waiting, Severity.CRITICAL)
    with FeedReader(street.server.log_in("operator-bahari"), after=seen.id) as feed:
        told = feed.next()
        assert (told.data["kind"], told.data["raised"]) == ("created", True)
        street.rises(waiting, Severity.CRITICAL)
        assert feed.next().data["raised"] is False


def test_critical_incidents_are_shown_however_many_there_are(make_server: Maker) -> None:
    street = Street(make_server)
    for zone in ZONES[:20]:
        street.opens(zone, Severity.CRITICAL)
        street.waits(1)

    assert zones(street.server.log_in("operator-bahari"), placement="shown") == list(ZONES[:20])


def test_the_next_hour_has_its_own_places_and_the_strip_counts_this_hour_apart_from_all(make_server: Maker) -> None:
    street = Street(make_server, incidents_per_hour=1)
    for zone in ZONES[:3]:
        street.opens(zone)
        street.waits(1)
    street.waits(3600)
    for zone in ZONES[3:5]:
        street.opens(zone)
        street.waits(1)
    client = street.server.log_in("operator-bahari")

    assert zones(client, placement="shown") == [ZONES[0], ZONES[3]]
    assert digest(client) == {"bahari": (1, 3)}


def test_incidents_end_at_midnight_in_jakarta(make_server: Maker) -> None:
    street = Street(make_server)
    street.waits(12 * 3600 - 60)
    before = street.opens(ZONES[0])
    street.waits(120)
    after = street.opens(ZONES[0])
    client = street.server.log_in("operator-bahari")

    assert alert_of(client, before)["incident"]["id"] != alert_of(client, after)["incident"]["id"]


def test_without_a_budget_everything_is_shown_and_says_so(make_server: Maker) -> None:
    street = Street(make_server, enabled=False)
    for zone in ZONES[:12]:
        street.opens(zone)
        street.waits(1)
    client = street.server.log_in("operator-bahari")

    assert len(zones(client, placement="shown")) == 12
    assert zones(client, placement="digest") == []
    assert client.get(f"{API}/digest").json()["enabled"] is False
    assert client.get(f"{API}/alerts").json()["items"][0]["incident"]["reason"] == "no_budget"


def test_pages_of_one_place_lead_on_until_every_alert_was_listed_once(
    make_server: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "SCAN_PAGE", 4)
    monkeypatch.setattr(placements, "SCAN_AT_MOST", 8)
    street = Street(make_server, incidents_per_hour=2)
    for zone in ZONES[:31]:
        street.opens(zone)
        street.waits(1)
    client = street.server.log_in("operator-bahari")
    for place, expected in (("shown", ZONES[:2]), ("digest", ZONES[2:31])):
        found: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor:
            page = client.get(
                f"{API}/alerts", params={"placement": place, "limit": 3, **({"cursor": cursor} if cursor else {})}
            )
            found += [item["zone_id"] for item in page.json()["items"]]
            cursor, pages = page.json()["next_cursor"], pages + 1
            assert pages < 40
        assert found == list(reversed(expected)), place


def test_a_day_that_is_remembered_and_one_that_was_not_asked_for_are_both_brought_up_to_date(
    make_server: Maker,
) -> None:
    street = Street(make_server, incidents_per_hour=1)
    street.opens(ZONES[0])
    street.waits(1)
    old = street.opens(ZONES[1])
    client = street.server.log_in("operator-bahari")
    assert zones(client, placement="digest") == [ZONES[1]]
    street.waits(24 * 3600)
    for zone in ZONES[2:4]:
        street.opens(zone)
        street.waits(1)
    client = street.server.log_in("operator-bahari")
    today = {"since": (street.clock.utc() - timedelta(hours=1)).isoformat()}
    assert zones(client, placement="digest", **today) == [ZONES[3]]
    street.rises(old, Severity.CRITICAL)
    street.opens(ZONES[4])

    assert zones(client, placement="digest", **today) == [ZONES[3], ZONES[4]]
    assert zones(client, placement="digest") == [ZONES[3], ZONES[4]]
    assert zones(client, placement="shown") == [ZONES[0], ZONES[1], ZONES[2]]


async def test_readers_with_views_of_different_age_end_with_the_same_replay(make_server: Maker) -> None:
    street = Street(make_server, incidents_per_hour=1)
    street.opens(ZONES[0])
    database = Database(street.server.settings.database)
    book = PlacementService(street.server.settings.alert_budget)
    everywhere = Scope(everywhere=True, kampung_ids=frozenset())
    try:
        async with database.read() as early, database.read() as late:
            first = await alerts.page(early, everywhere, AlertFilter(), None, 10)
            street.waits(1)
            second = street.opens(ZONES[1])
            found = await alerts.page(late, everywhere, AlertFilter(), None, 10)
            assert [one.incident.placement for one in await book.placed(late, everywhere, found)] == ["digest", "shown"]
            assert [one.incident.placement for one in await book.placed(early, everywhere, first)] == ["shown"]
        street.rises(second, Severity.CRITICAL)
        async with database.read() as after:
            found = await alerts.page(after, everywhere, AlertFilter(), None, 10)
            assert [one.incident.placement for one in await book.placed(after, everywhere, found)] == ["shown", "shown"]
    finally:
        await database.close()


def test_an_alert_that_never_asked_is_shown_rather_than_lost(make_server: Maker) -> None:
    street = Street(make_server)
    street.opens(ZONES[0])
    with sqlite3.connect(street.server.settings.data_dir / "kentongan.sqlite3") as database:
        database.execute("DELETE FROM placement_request")

    assert zones(street.server.log_in("operator-bahari"), placement="shown") == [ZONES[0]]
