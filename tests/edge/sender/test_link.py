from __future__ import annotations

from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from contract.event import Phase
from edge.outbox import Outbox
from tests.support.delivery import delivering
from tests.support.events import building, clip_file, new_id, thumbnail_file
from tests.support.ingest import running_ingest
from tests.support.link import breaking_link

SIGNALS = 12


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_arrives_exactly_once_over_a_link_that_breaks_again_and_again(tmp_path: Path, seed: int) -> None:
    rng, cuts = Random(seed), Random(-seed)
    clips: dict[UUID, bytes] = {}
    with running_ingest() as server, breaking_link(server.port, lambda: cuts.randint(200, 150_000)) as link:
        with delivering(tmp_path, f"http://127.0.0.1:{link.port}") as device:
            for _ in range(SIGNALS):
                clip_id, content = _commit_signal(device.outbox, tmp_path, rng)
                clips[clip_id] = content
                device.run(for_s=1.0)
            device.run(for_s=300.0)
            stats = device.outbox.stats()
        assert (stats.pending_events, stats.pending_thumbnails, stats.pending_clips) == (0, 0, 0)
        assert (stats.parked, stats.deleted_unsent) == (0, 0)
        assert link.cuts > 10
        assert server.sequences() == list(range(1, 3 * SIGNALS + 1))
        assert len(server.thumbnails) == SIGNALS
        assert {clip_id: bytes(stored) for clip_id, stored in server.clips.items()} == clips


def _commit_signal(outbox: Outbox, folder: Path, rng: Random) -> tuple[UUID, bytes]:
    """The events of one signal as the worker commits them: began with a thumbnail, sealed clip, ended."""
    content = rng.randbytes(rng.randint(1, 600_000))
    clip, reference = clip_file(folder, content)
    thumbnail, thumbnail_reference = thumbnail_file(folder, rng.randbytes(20_000))
    signal = {"signal_id": new_id(), "clip_id": reference.clip_id}
    outbox.commit(building(**signal, thumbnail=thumbnail_reference), [thumbnail])
    outbox.commit(building(**signal, phase=Phase.CONTINUES, clip=reference), [clip])
    outbox.commit(building(**signal, phase=Phase.ENDED, clip=reference))
    return reference.clip_id, content
