"""One camera, wired together: its analysis and its life cycle."""
