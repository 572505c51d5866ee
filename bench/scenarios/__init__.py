"""A simulator of streets: people as trajectories with ground truth, seen by a camera and an imperfect tracker."""
