"""Whether the server can work, and whether what it has stored is true."""
