"""The command `kentongan-edge`."""
