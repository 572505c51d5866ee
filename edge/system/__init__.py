"""What every stage needs of the machine: back-off, whole files, memory, redacted text."""
