"""Ultralytics ObjectCounter, as its documentation shows it, on the frames that OpenCV reads at the analysis rate.

Runs in an environment of its own (bench.edge.environment), so of this project it imports only `bench.edge.usage`, which
needs the standard library alone: `PYTHON -m bench.edge.run_ultralytics VIDEO MODEL.yaml`. The weights are random: the
cost of a frame does not depend on them, except that nothing is found. Ultralytics therefore never pays for tracking and
counting, which favours it.
"""

from __future__ import annotations

import os
import sys
import types

os.environ.update(YOLO_OFFLINE="true", YOLO_VERBOSE="false", YOLO_AUTOINSTALL="false", OMP_NUM_THREADS="1")

import cv2
import numpy as np
import torch

from bench.edge.usage import measured

ANALYSIS_FPS = 5.0


def stand_in_for_torchvision() -> None:
    """Replace torchvision where it cannot be imported.

    Beside a torch for CPUs alone, its compiled part does not load. Ultralytics uses only its non-maximum suppression,
    brings a replacement in plain torch, and calls either only when something was found.
    """
    try:
        import torchvision  # noqa: F401 - whether it can be imported is the question
    except RuntimeError:
        from ultralytics.utils.nms import TorchNMS

        for name in [one for one in sys.modules if one.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        stand_in = types.ModuleType("torchvision")
        stand_in.ops = types.SimpleNamespace(nms=TorchNMS.nms)  # type: ignore[attr-defined]  # a module of our own making
        sys.modules["torchvision"] = stand_in


def main(video: str, model: str) -> None:
    stand_in_for_torchvision()
    from ultralytics import solutions

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    capture = cv2.VideoCapture(video, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    width, height = (int(capture.get(one)) for one in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    middle = [(0, height // 2), (width, height // 2)]
    counter = solutions.ObjectCounter(model=model, region=middle, classes=[0], device="cpu", show=False, verbose=False)
    counter.process(np.full((height, width, 3), 114, np.uint8))
    every = max(1, round(capture.get(cv2.CAP_PROP_FPS) / ANALYSIS_FPS))
    number = tracks = 0
    with measured() as usage:
        while True:
            read, frame = capture.read()
            if not read:
                break
            if number % every == 0:
                tracks += counter.process(frame).total_tracks
                usage.frames += 1
            number += 1
    usage.notes["tracks"] = tracks
    usage.print_json()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
