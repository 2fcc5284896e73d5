"""The formats of others: what leaves an index for other tools, and what comes in from them."""
