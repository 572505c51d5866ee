"""The command `kentongan-edge`: run the worker, check its configuration, replay videos, show state and calibration."""
