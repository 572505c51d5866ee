import pytest

from edge.detections import Detections
from edge.events.track_history import TrackHistory


def people(*boxes: tuple[int, tuple[float, float, float, float]]) -> Detections:
    return Detections.of([box for _, box in boxes], [0.9] * len(boxes), [track_id for track_id, _ in boxes])


def test_boxes_are_timed_from_the_origin_and_cut_to_the_span() -> None:
    history = TrackHistory(keep_s=60)
    for second in range(10):
        history.add(100.0 + second, people((1, (0.1, 0.1, 0.2, 0.3))))
    (summary,) = history.summaries([1, 2], origin_mono_s=105.0, since_mono_s=103.0, until_mono_s=106.0)
    assert summary.track_id == 1
    assert [box.offset_s for box in summary.boxes] == [-2.0, -1.0, 0.0, 1.0]


def test_what_is_older_than_the_memory_is_forgotten_with_its_track() -> None:
    history = TrackHistory(keep_s=5)
    history.add(0.0, people((1, (0.1, 0.1, 0.2, 0.3)), (2, (0.5, 0.1, 0.6, 0.3))))
    history.add(4.0, people((2, (0.5, 0.1, 0.6, 0.3))))
    history.add(8.0, people((2, (0.5, 0.1, 0.6, 0.3))))
    everything = history.summaries([1, 2], origin_mono_s=0.0, since_mono_s=-1e9, until_mono_s=1e9)
    assert [(track.track_id, [box.offset_s for box in track.boxes]) for track in everything] == [(2, [4.0, 8.0])]


def test_unconfirmed_tracks_are_not_remembered() -> None:
    history = TrackHistory(keep_s=5)
    history.add(0.0, people((0, (0.1, 0.1, 0.2, 0.3))))
    assert history.summaries([0], origin_mono_s=0.0, since_mono_s=-1.0, until_mono_s=1.0) == ()


def test_a_box_that_reaches_over_the_edge_is_cut_there_and_one_outside_is_left_out() -> None:
    history = TrackHistory(keep_s=5)
    history.add(0.0, people((1, (-0.1, 0.5, 0.2, 1.2)), (2, (1.1, 0.1, 1.2, 0.3))))
    (summary,) = history.summaries([1, 2], origin_mono_s=0.0, since_mono_s=-1.0, until_mono_s=1.0)
    assert summary.boxes[0].box == (0.0, 0.5, 0.2, 1.0)


def test_a_memory_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="keep_s must be positive seconds, got 0"):
        TrackHistory(keep_s=0)
