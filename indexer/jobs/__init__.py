"""One file for each thing a user asks for, as in the commands."""
