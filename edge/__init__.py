"""One box: cameras in, signed events and clips out."""
