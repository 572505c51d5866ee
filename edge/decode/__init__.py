"""From packets to frames: no more of them than somebody will look at, masked before anybody does."""
