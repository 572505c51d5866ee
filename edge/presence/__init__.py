"""Who is where, for how long: tracks stitched into persons, persons' stays in zones as presence episodes."""
