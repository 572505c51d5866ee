"""From packets to frames. Decodes only what is analysed, and masks every frame before anything reads it.

`ladder` decides per camera which packets are decoded and which frames are worth a detection; `feed` offers those to the
detector no faster than it keeps up; `pool` shares a few decoding threads among all cameras.
"""
