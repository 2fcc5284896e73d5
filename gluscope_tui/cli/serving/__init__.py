"""The explorer in a browser: a web server, and a process of the explorer for each window."""
