"""Who is asking: people by session, devices by token."""
