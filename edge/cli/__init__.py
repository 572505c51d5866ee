"""The command `kentongan-edge`: run, check, replay, calibrate and show the state of a device."""
