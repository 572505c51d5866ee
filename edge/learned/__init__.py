"""What a camera learns about its place: counts, dwell, movement. Numbers only: no image, nothing about a person."""
