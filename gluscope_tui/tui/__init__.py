"""The terminal explorer: an app, its screens and widgets, and the pure rules that they follow."""
