import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.clock import Instant
from contract.event import Phase, Rule, Severity
from contract.reasons import Reason
from edge.camera_health import ReferenceView, ViewFault
from edge.camera_health.faults import NO_STREAM_AFTER_S, CameraFault, CameraFaults, FaultNote, ViewWatch
from edge.camera_health.noise import LEARNT_S, NoiseFloor
from edge.camera_health.store import ViewStore
from edge.decode.frame import Frame

START = Instant(1000.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC))


def at(second: float) -> Instant:
    return START.shifted(second)


def textured(seed: int) -> np.ndarray:
    """A still view with structure, at the size of the motion gate's luma images."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 220, (12, 20)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (320, 180), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def watched(watch: ViewWatch, view: np.ndarray, first_s: int, last_s: int) -> list[FaultNote]:
    rng = np.random.default_rng(first_s)
    chroma = np.full((90, 160), 128, np.uint8)
    for second in range(first_s, last_s):
        noisy = np.clip(view + rng.normal(0.0, 2.0, view.shape), 0, 255).astype(np.uint8)
        watch.observe(noisy, Frame(noisy, chroma, chroma, at(second)))
    return list(watch.notes())


def test_every_fault_of_a_view_is_a_camera_fault() -> None:
    assert {fault.value for fault in ViewFault} < {fault.value for fault in CameraFault}


def test_a_view_that_goes_black_and_comes_back_is_one_signal_with_its_frame() -> None:
    watch, faults = ViewWatch(None), CameraFaults()
    view = textured(1)
    assert watched(watch, view, 0, 60) == []
    notes = watched(watch, np.full_like(view, 16), 60, 90)
    began = [faults.take(note) for note in notes]
    assert [note.phase for note in notes] == [Phase.BEGAN]
    assert notes[0].frame is not None
    assert began[0] is not None
    assert (began[0].rule, began[0].phase) == (Rule.CAMERA_FAULT, Phase.BEGAN)
    assert faults.is_blind
    assert 60 <= began[0].captured.mono_s - START.mono_s <= 90
    ended = [faults.take(note) for note in watched(watch, view, 90, 130)]
    assert [signal.phase for signal in ended if signal] == [Phase.ENDED]
    assert ended[0] is not None
    assert ended[0].key == began[0].key
    assert not faults.is_blind


def test_a_missing_stream_is_reported_once_and_ends_when_it_is_back() -> None:
    faults = CameraFaults()
    assert faults.stream(at(0), at(NO_STREAM_AFTER_S - 1)) is None
    began = faults.stream(at(0), at(NO_STREAM_AFTER_S))
    assert began is not None
    assert began.began == at(0)
    assert began.severity is Severity.WARNING
    assert faults.stream(at(0), at(NO_STREAM_AFTER_S + 60)) is None
    ended = faults.stream(at(100), at(100))
    assert ended is not None
    assert ended.phase is Phase.ENDED
    assert ended.reasons == (Reason(code="lasted", params={"duration_s": 100.0}),)
    assert faults.stream(at(101), at(101)) is None


def test_a_fault_that_never_began_cannot_end() -> None:
    assert CameraFaults().take(FaultNote(CameraFault.MOVED, Phase.ENDED, at(0), at(1))) is None


def test_stopping_ends_every_open_fault() -> None:
    faults = CameraFaults()
    for fault in (CameraFault.MOVED, CameraFault.NO_STREAM):
        faults.take(FaultNote(fault, Phase.BEGAN, at(0), at(1)))
    ended = faults.close(Reason(code="worker_restarted"))
    assert sorted(signal.key for signal in ended) == ["camera/moved/1", "camera/no_stream/2"]
    assert not faults.is_blind


def test_a_reference_view_survives_a_restart_and_its_removal_is_noticed_once(tmp_path: Path) -> None:
    watch = ViewWatch(None)
    watched(watch, textured(1), 0, 60)
    assert watch.learnt is not None
    store = ViewStore(tmp_path)
    store.save("gate", watch.learnt)
    assert not store.was_removed("gate")
    restarted = ViewWatch(ViewStore(tmp_path).load("gate"))
    notes = watched(restarted, textured(2), 100, 140)
    assert [note.fault for note in notes] == [CameraFault.MOVED]
    assert ViewStore(tmp_path).remove("gate")
    assert store.was_removed("gate")
    assert not store.was_removed("gate")
    restarted.accept_view()
    assert [note.phase for note in watched(restarted, textured(2), 140, 180)] == [Phase.ENDED]


def test_a_damaged_reference_view_is_learnt_anew(tmp_path: Path) -> None:
    (tmp_path / "gate.json").write_text('{"edges": 1}')
    assert ViewStore(tmp_path).load("gate") is None
    assert ViewStore(tmp_path).load("alley") is None


def test_the_noise_of_a_camera_survives_a_restart_and_is_forgotten_with_its_view(tmp_path: Path) -> None:
    watch = ViewWatch(None)
    watched(watch, textured(1), 0, 300)
    assert watch.learnt is not None
    assert watch.learnt.noise is not None
    ViewStore(tmp_path).save("gate", watch.learnt)
    loaded = ViewStore(tmp_path).load("gate")
    assert loaded is not None
    assert loaded.noise is not None
    np.testing.assert_allclose(loaded.noise.mean, watch.learnt.noise.mean, atol=0.001)
    np.testing.assert_allclose(loaded.noise.most, watch.learnt.noise.most, atol=0.001)
    np.testing.assert_allclose(loaded.noise.light, watch.learnt.noise.light, atol=0.1)
    assert loaded.noise.learnt_s >= LEARNT_S
    restarted = ViewWatch(loaded)
    watched(restarted, textured(1), 400, 402)
    restarted.accept_view()
    watched(restarted, textured(1), 402, 430)
    assert restarted.learnt is not None
    assert restarted.learnt.noise is None


def test_a_view_that_was_stored_without_its_noise_or_with_an_older_one_is_accepted(tmp_path: Path) -> None:
    watch = ViewWatch(None)
    watched(watch, textured(1), 0, 60)
    assert watch.learnt is not None
    older: tuple[dict[str, object], ...] = (
        {},
        {"noise": {"floor": [1.0] * 144, "light": [90.0] * 144, "learnt_s": 9.0}},
    )
    for more in older:
        (tmp_path / "gate.json").write_text(json.dumps(watch.learnt.reference.to_json() | more))
        loaded = ViewStore(tmp_path).load("gate")
        assert loaded is not None
        assert loaded.noise is None
        assert watched(ViewWatch(loaded), textured(1), 100, 140) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [1.0] * 143},
        {"most": [float("nan")] * 144},
        {"light": [-1.0] * 144},
        {"light": "bright"},
        {"learnt_s": float("inf")},
        {"learnt_s": None},
    ],
)
def test_a_damaged_noise_floor_is_learnt_anew_with_its_view(tmp_path: Path, changes: dict[str, object]) -> None:
    cells = np.ones((9, 16), np.float32)
    noise = NoiseFloor(cells, cells, cells, 200.0).to_json()
    assert NoiseFloor.from_json(noise).learnt_s == 200.0
    with pytest.raises(ValueError, match="a stored noise floor"):
        NoiseFloor.from_json(noise | changes)
    reference = ReferenceView(cells, cells, cells, np.ones((45, 80), np.complex64), 0.9)
    (tmp_path / "gate.json").write_text(json.dumps(reference.to_json() | {"noise": noise | changes}))
    assert ViewStore(tmp_path).load("gate") is None
