"""The thread that reads an index, the questions asked of it, and the messages that carry the answers."""
