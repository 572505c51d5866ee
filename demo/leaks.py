"""What an operator can learn about another kampung, tried through every route of the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.console_client import ConsoleClient, Json


def count_leaks(outsider: ConsoleClient, kampung_id: str, alert: Json) -> list[str]:
    """Every route by which `outsider` learned about `kampung_id`, to which `alert` belongs; empty if there is none.

    A refusal is 403, 404 or an empty list; any other answer counts.
    """
    leaks: list[str] = []
    for path in ("/session", "/kampung", "/alerts", "/audit"):
        reply = outsider.get(path)
        if reply.is_success and _tells(reply.json(), kampung_id, alert):
            leaks.append(f"GET {path} reveals {kampung_id}")
    for path, params in (
        ("/alerts", {"kampung": kampung_id}),
        ("/alerts", {"camera": str(alert["camera_id"])}),
        ("/audit", {"kampung": kampung_id}),
    ):
        reply = outsider.get(path, **params)
        if reply.is_success and reply.json()["items"]:
            leaks.append(f"GET {path} with {params} answers with {len(reply.json()['items'])} items")
    for part in ("", "/thumbnail", "/clip"):
        reply = outsider.get(f"/alerts/{alert['id']}{part}")
        if reply.status_code not in {403, 404}:
            leaks.append(f"GET /alerts/ID{part} answers {reply.status_code}")
    leaks += _acts(outsider, alert)
    return leaks + [
        f"the live feed revealed {kampung_id}"
        for arrival in outsider.arrivals()
        if _tells(arrival.data, kampung_id, alert)
    ]


def _acts(outsider: ConsoleClient, alert: Json) -> list[str]:
    """Attempts to act on the alert, with the version that its own operator would send."""
    version = int(alert["version"]) + 1
    attempts: list[tuple[str, Json]] = [
        ("transitions", {"to": "dismissed", "verdict": "useful", "expected_version": version}),
        ("notes", {"note": "an outsider's note", "expected_version": version}),
    ]
    refused = {403, 404}
    return [
        f"POST /alerts/ID/{what} answers {status}"
        for what, body in attempts
        if (status := outsider.post(f"/alerts/{alert['id']}/{what}", body).status_code) not in refused
    ]


def _tells(answer: Json, kampung_id: str, alert: Json) -> bool:
    text = json.dumps(answer)
    return kampung_id in text or alert["id"] in text
