"""The state of the tables of neurons, layers and hits: query, rows, cursor."""
