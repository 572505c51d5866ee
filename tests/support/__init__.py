"""What several tests share: real media, real cameras, and the faults that real cameras have."""
