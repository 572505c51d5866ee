"""One camera: its pipeline from packets to signals, the one builder that wires it, and its life cycle in a worker."""
