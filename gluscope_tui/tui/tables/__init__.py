"""The tables of neurons, layers and hits: what they were asked, what they hold, where one is in them; their reading."""
