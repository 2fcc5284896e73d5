"""Where a session is and what every key does to that: no screen, no waiting."""
