"""From a camera's address to timed packets. Nothing here decodes.

`supervisor` keeps one stream open for ever; each `session` reads the source until it ends. Packets leave in decoding
order from a keyframe on, in Annex B, with graded timestamps and a capture time. `packet_ring` holds the newest seconds
of a stream. No log line and no exception of this package carries a camera's credentials.
"""
