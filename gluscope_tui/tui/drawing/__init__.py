"""Turns records into styled lines: palettes, layouts, titles, contexts. Pure except for Textual's strips."""
