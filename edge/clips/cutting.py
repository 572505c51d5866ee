"""Which packets make a clip, and when each is shown in it. Pure: no file is touched here. See docs/design/clips.md."""

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
"""A pause shorter than this is no gap, however fast the camera."""
GAP_INTERVALS = 3.0
"""A pause is a gap when it lasts this many of the camera's usual intervals."""
_LONE_PICTURE_S = 0.04


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
    """What a clip will hold, in decoding order from a keyframe on."""

    samples: tuple[Sample, ...]
    duration_90k: int
    usual_90k: int
    trigger_offset_s: float
    gaps: tuple[ClipGap, ...]

    @property
    def stream(self) -> StreamInfo:
        """The stream of the clip's first packet; every other has its codec and picture size."""
        return self.samples[0].packet.stream

    @property
    def duration_s(self) -> float:
        """From the first picture to the end of the last."""
        return self.duration_90k / TICKS_PER_S

    def showing(self, shown_90k: Sequence[int]) -> Cut:
        """The same cut if only the pictures at these times could be shown: its gaps are then others.

        Raises ClipFault when the trigger falls into one.
        """
        cut = replace(self, gaps=_gaps([*sorted(shown_90k), self.duration_90k], self.usual_90k))
        _require_trigger(cut)
        return cut


def cut_around(packets: Sequence[Packet], trigger: Instant) -> Cut:
    """The longest clip among the packets that plays in one piece and shows the trigger.

    packets: in decoding order, as a ring gives them.

    Raises ClipFault when no picture was there at the trigger.
    """
    shown = [index for index, packet in enumerate(packets) if packet.captured.mono_s <= trigger.mono_s]
    if not shown:
        raise ClipFault("the clip holds no picture from before its trigger")
    at_trigger = max(shown, key=lambda index: packets[index].captured.mono_s)
    run = _decodable(_run_around(packets, at_trigger))
    pts_90k = _presentation_times(run)
    order_90k = sorted(pts_90k)
    # A muxer wants decoding times that grow and never exceed presentation times. The presentation times in order,
    # moved back by the largest reordering, are such times whatever the source said.
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
    """Streams that agree in this play on in one file.

    In H.264 other parameter sets may stand in band. A file that is marked hvc1, the one mark for H.265 that every
    player takes, may hold them in its head only.
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
    """From the first keyframe on, without the pictures that lean on what was before it; so in every session."""
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
    """Ticks from the first picture on: by the camera's clock within a session, by the box's clock between sessions."""
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
    """The packets' data, each new epoch's parameter sets put before its first packet if they do not stand there."""
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
    return round((run[0].duration_s or _LONE_PICTURE_S) * TICKS_PER_S)


def _gaps(order_90k: Sequence[int], usual_90k: int) -> tuple[ClipGap, ...]:
    longest_90k = max(GAP_MIN_S * TICKS_PER_S, GAP_INTERVALS * usual_90k)
    before_first = -usual_90k  # a clip whose first pictures cannot be shown starts with a gap
    return tuple(
        ClipGap(starts_s=(before + usual_90k) / TICKS_PER_S, ends_s=after / TICKS_PER_S)
        for before, after in pairwise([before_first, *order_90k])
        if after - before > longest_90k
    )


def _offset_of(trigger: Instant, samples: Sequence[Sample]) -> float:
    """Seconds from the clip's start to the trigger, counted from the picture that was shown then."""
    before = [sample for sample in samples if sample.packet.captured.mono_s <= trigger.mono_s]
    nearest = max(before or samples[:1], key=lambda sample: sample.packet.captured.mono_s)
    return nearest.pts_90k / TICKS_PER_S + trigger.mono_s - nearest.packet.captured.mono_s


def _require_trigger(cut: Cut) -> None:
    at_s = cut.trigger_offset_s
    if not 0.0 <= at_s <= cut.duration_s or any(gap.starts_s < at_s < gap.ends_s for gap in cut.gaps):
        where = f"{at_s:.1f} s into a clip of {cut.duration_s:.1f} s"
        raise ClipFault(f"the camera had no picture at the trigger, {where}")
