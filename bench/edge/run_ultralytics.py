"""Ultralytics ObjectCounter, as its documentation shows it, on every so-manieth frame that OpenCV reads.

Runs in an environment of its own (bench.edge.environment) and therefore imports nothing of this project:
`PYTHON run_ultralytics.py VIDEO MODEL.yaml`. The weights are random: what a picture costs does not depend on them,
except that nothing is found, so that tracking and counting are never paid for, which favours Ultralytics.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import types

os.environ.update(YOLO_OFFLINE="true", YOLO_VERBOSE="false", YOLO_AUTOINSTALL="false", OMP_NUM_THREADS="1")

import cv2
import numpy as np
import torch

ANALYSIS_FPS = 5.0


def stand_in_for_torchvision() -> None:
    """Beside a torch for CPUs alone, torchvision's compiled part does not load and its import fails. Ultralytics wants
    only its suppression of boxes, brings a replacement in plain torch, and calls either when something was found."""
    try:
        import torchvision  # noqa: F401 - whether it can be imported is the question
    except RuntimeError:
        from ultralytics.utils.nms import TorchNMS

        for name in [one for one in sys.modules if one.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        stand_in = types.ModuleType("torchvision")
        stand_in.ops = types.SimpleNamespace(nms=TorchNMS.nms)  # type: ignore[attr-defined]  # a module of our own making
        sys.modules["torchvision"] = stand_in


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


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
    before = cpu_s()
    every = max(1, round(capture.get(cv2.CAP_PROP_FPS) / ANALYSIS_FPS))
    frames = number = tracks = 0
    while True:
        read, picture = capture.read()
        if not read:
            break
        if number % every == 0:
            tracks += counter.process(picture).total_tracks
            frames += 1
        number += 1
    spent = cpu_s() - before
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": spent, "rss_mb": rss_mb, "frames": frames, "notes": {"tracks": tracks}}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
