"""Pure decoding: PyAV, one thread, every frame of the file."""

from __future__ import annotations

import sys

import av

from bench.edge.usage import measured


def main(video: str) -> None:
    with measured() as usage, av.open(video) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        usage.frames = sum(1 for _ in container.decode(stream))
    usage.print_json()


if __name__ == "__main__":
    main(sys.argv[1])
