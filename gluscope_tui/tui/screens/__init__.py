"""The screens: home with its four panes, and what opens above it."""
