"""The soak's parts: the looping cameras with their faults, and what is read of the worker's process."""
