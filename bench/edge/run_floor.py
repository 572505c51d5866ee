"""A lower bound for the worker's cost: decode exactly what it decoded and run as many inferences.

`python -m bench.edge.run_floor VIDEO TRACE`, with the trace of `bench.edge.run_worker`. The loop filter is skipped
where the worker skips it. Nothing else is done: no ring, no gate, no tensor, no box decoding, no tracking, no
recording.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import numpy as np
import onnxruntime as ort
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from bench.edge.usage import measured
from models.manifest import load_manifest, verify


class Replayer:
    """Feeds a decoder the packets of a file as a trace says: s skipped, d decoded, k decoded alone, w decoded back."""

    def __init__(self, context: VideoCodecContext) -> None:
        self._context = context
        self._group: list[Packet[VideoStream]] = []
        self.decoded = 0

    def take(self, packet: Packet[VideoStream], step: str) -> None:
        earlier = self._group
        if packet.is_keyframe:
            self._group = []
        self._group.append(packet)
        if step == "d":
            self._decode(packet)
        elif step in "kw":
            self._alone([packet])
            if step == "w":
                self._alone(earlier)
                self._decode(packet)

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        self.decoded += len(self._context.decode(packet))

    def _alone(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            self._decode(packet)
        self._decode(None)
        self._context.flush_buffers()


def main(video: str, trace: Path) -> None:
    traced = json.loads(trace.read_text("utf-8"))
    steps: str = traced["steps"]
    detections: dict[int, int] = {int(index): count for index, count in traced["detections"].items()}
    spec = load_manifest().get()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(verify(spec), options, providers=["CPUExecutionProvider"])
    tensor = np.full((1, 3, spec.input.height, spec.input.width), 114, np.float32)
    session.run(None, {spec.input.name: tensor})
    with av.open(video) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"skip_loop_filter": "all" if traced["unfiltered"] else "noref"}
        with measured() as usage:
            replayer = Replayer(stream.codec_context)
            packets = (packet for packet in container.demux(stream) if packet.size)
            for index, (packet, step) in enumerate(zip(packets, steps, strict=False)):
                replayer.take(packet, step)
                for _ in range(detections.get(index, 0)):
                    session.run(None, {spec.input.name: tensor})
        usage.notes["decoded"] = replayer.decoded
    usage.frames = sum(detections.values())
    usage.print_json()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
