"""What sets a machine up for the demo and the tests; the standard library only, because nothing is installed yet."""
