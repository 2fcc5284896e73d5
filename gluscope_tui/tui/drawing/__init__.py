"""From records to styled lines: palettes, layouts, titles, contexts. Pure but for the strips of Textual."""
