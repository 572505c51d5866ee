"""The looping cameras of the soak and their faults."""
