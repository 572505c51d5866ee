"""From a camera's address to timed packets: sessions that reopen, timestamps that are graded, a ring that keeps the
newest seconds.
"""
