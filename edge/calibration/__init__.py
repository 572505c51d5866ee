"""From marks on a frame to metres on the ground."""
