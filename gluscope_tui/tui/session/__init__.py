"""The state of a session and the change that each key makes to it: no screen, no waiting."""
