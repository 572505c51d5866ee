"""Clips and thumbnails as files: written so that a crash at any moment leaves nothing half-true."""
