"""The thread that reads an index, what is asked of it, and the messages that bring the answers."""
