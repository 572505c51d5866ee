"""What every stage needs of the machine: back-off, atomic files, memory, periodic jobs, threads, shutdown, redact."""
