"""The parts of the screens, a short file each, named after their place."""
