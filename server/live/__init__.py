"""What consoles learn without asking: alerts as they change, cameras as they come and go."""
