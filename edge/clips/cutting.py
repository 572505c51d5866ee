"""Choose the packets of a clip and their presentation times. Pure, without files. See docs/design/clips.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from contract.clock import Instant
from contract.event import ClipGap
from edge.capture.bitstream import Codec, join_units, leading_parameter_sets
from edge.capture.packets import TICKS_PER_S, Packet, StreamInfo

GAP_MIN_S = 1.0
"""A shorter pause is no gap, whatever the camera's rate."""
GAP_INTERVALS = 3.0
"""A pause of this many of the camera's usual intervals is a gap."""
_LONE_FRAME_S = 0.04


class ClipFault(Exception):  # noqa: N818 - a fault is of the footage or the disk, an error would be of this code
    """Why a clip could not be made, in a sentence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet in its clip: ticks of 1/90,000 s from the clip's start, `dts_90k` below 0 with B-frames."""

    packet: Packet
    data: bytes
    pts_90k: int
    dts_90k: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The content of a clip, in decoding order from a keyframe on."""

    samples: tuple[Sample, ...]
    duration_90k: int
    usual_90k: int
    trigger_offset_s: float
    gaps: tuple[ClipGap, ...]

    @property
    def stream(self) -> StreamInfo:
        """The stream of the clip's first packet; all others have its codec and frame size."""
        return self.samples[0].packet.stream

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        return self.duration_90k / TICKS_PER_S

    def showing(self, shown_90k: Sequence[int]) -> Cut:
        """The same cut with only the frames at these times, and the gaps that follow.

        Raises ClipFault if the trigger falls into a gap.
        """
        cut = replace(self, gaps=_gaps([*sorted(shown_90k), self.duration_90k], self.usual_90k))
        _require_trigger(cut)
        return cut


def cut_around(packets: Sequence[Packet], trigger: Instant) -> Cut:
    """The longest clip among the packets that plays in one piece and shows the trigger.

    packets: in decoding order, as a ring gives them.

    Raises ClipFault without a frame at the trigger.
    """
    shown = [index for index, packet in enumerate(packets) if packet.captured.mono_s <= trigger.mono_s]
    if not shown:
        raise ClipFault("the clip contains no frame from before its trigger")
    at_trigger = max(shown, key=lambda index: packets[index].captured.mono_s)
    run = _decodable(_run_around(packets, at_trigger))
    pts_90k = _presentation_times(run)
    order_90k = sorted(pts_90k)
    # A muxer needs decoding times that increase and never exceed presentation times. The sorted presentation times,
    # shifted back by the largest reordering, meet that whatever the source's own were.
    back_90k = max(ordered - pts for ordered, pts in zip(order_90k, pts_90k, strict=True))
    samples = tuple(
        Sample(packet, data, pts, ordered - back_90k)
        for packet, data, pts, ordered in zip(run, _with_parameter_sets(run), pts_90k, order_90k, strict=True)
    )
    usual_90k = _usual_interval_90k(run, order_90k)
    last = max(samples, key=lambda sample: sample.pts_90k)
    duration_90k = last.pts_90k + (round(last.packet.duration_s * TICKS_PER_S) or usual_90k)
    cut = Cut(samples, duration_90k, usual_90k, _offset_of(trigger, samples), _gaps(order_90k, usual_90k))
    _require_trigger(cut)
    return cut


def _plays_on(stream: StreamInfo) -> tuple[object, ...]:
    """A key: streams with the same key continue in one file.

    H.264 allows new parameter sets in band. An hvc1 file, the form of H.265 that all players accept, has them in its
    header only.
    """
    sets = stream.parameter_sets if stream.codec is Codec.HEVC else ()
    return stream.codec, stream.width, stream.height, sets


def _run_around(packets: Sequence[Packet], index: int) -> Sequence[Packet]:
    kind = _plays_on(packets[index].stream)
    first = last = index
    while first > 0 and _plays_on(packets[first - 1].stream) == kind:
        first -= 1
    while last + 1 < len(packets) and _plays_on(packets[last + 1].stream) == kind:
        last += 1
    return packets[first : last + 1]


def _decodable(run: Sequence[Packet]) -> list[Packet]:
    """The packets from the first keyframe of each session on, without frames that depend on earlier ones."""
    kept: list[Packet] = []
    opening: Packet | None = None
    for packet in run:
        if opening is None or packet.stream.session != opening.stream.session:
            opening = packet if packet.is_keyframe else None
        if opening is not None and packet.pts_90k >= opening.pts_90k:
            kept.append(packet)
    if not kept:
        raise ClipFault(f"none of the {len(run)} packets around the trigger is a keyframe")
    return kept


def _presentation_times(run: Sequence[Packet]) -> list[int]:
    """Ticks from the first frame: by the camera's clock within a session, by the device's clock between sessions."""
    times: list[int] = []
    opening = anchor = run[0]
    anchor_90k = 0
    newest_90k = -1
    for packet in run:
        if packet.stream.session != anchor.stream.session:
            anchor = packet
            by_clock_90k = round((packet.captured.mono_s - opening.captured.mono_s) * TICKS_PER_S)
            anchor_90k = max(by_clock_90k, newest_90k + 1)
        times.append(anchor_90k + packet.pts_90k - anchor.pts_90k)
        newest_90k = max(newest_90k, times[-1])
    return times


def _with_parameter_sets(run: Sequence[Packet]) -> list[bytes]:
    """The packets' data; an epoch's first packet is prefixed with its parameter sets unless it has them."""
    datas: list[bytes] = []
    epoch = -1
    for packet in run:
        data = packet.data
        if packet.stream.epoch != epoch:
            epoch = packet.stream.epoch
            present = leading_parameter_sets(packet.stream.codec, data)
            data = join_units([unit for unit in packet.stream.parameter_sets if unit not in present]) + data
        datas.append(data)
    return datas


def _usual_interval_90k(run: Sequence[Packet], order_90k: list[int]) -> int:
    intervals = [after - before for before, after in pairwise(order_90k)]
    if intervals:
        return max(1, round(median(intervals)))
    return round((run[0].duration_s or _LONE_FRAME_S) * TICKS_PER_S)


def _gaps(order_90k: Sequence[int], usual_90k: int) -> tuple[ClipGap, ...]:
    longest_90k = max(GAP_MIN_S * TICKS_PER_S, GAP_INTERVALS * usual_90k)
    before_first = -usual_90k  # a clip whose first frames cannot be shown starts with a gap
    return tuple(
        ClipGap(starts_s=(before + usual_90k) / TICKS_PER_S, ends_s=after / TICKS_PER_S)
        for before, after in pairwise([before_first, *order_90k])
        if after - before > longest_90k
    )


def _offset_of(trigger: Instant, samples: Sequence[Sample]) -> float:
    """Seconds from the clip's start to the trigger, counted from the frame shown then."""
    before = [sample for sample in samples if sample.packet.captured.mono_s <= trigger.mono_s]
    nearest = max(before or samples[:1], key=lambda sample: sample.packet.captured.mono_s)
    return nearest.pts_90k / TICKS_PER_S + trigger.mono_s - nearest.packet.captured.mono_s


def _require_trigger(cut: Cut) -> None:
    at_s = cut.trigger_offset_s
    if not 0.0 <= at_s <= cut.duration_s or any(gap.starts_s < at_s < gap.ends_s for gap in cut.gaps):
        where = f"{at_s:.1f} s into a clip of {cut.duration_s:.1f} s"
        raise ClipFault(f"the camera had no frame at the trigger, {where}")
