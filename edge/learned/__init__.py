"""What a camera learns about its place: counts, dwell, movement. Numbers only: no picture, nothing about a person."""
