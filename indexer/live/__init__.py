"""The model run again, on a text of one's own: its values, what they stand for in the index, their effects."""
