"""From marks on a picture to metres on the ground."""
