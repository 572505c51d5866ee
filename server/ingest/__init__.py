"""What devices send, made durable."""
