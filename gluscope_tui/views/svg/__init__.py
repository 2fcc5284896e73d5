"""Pictures for papers: records as SVG with text that stays text, in named fonts."""
