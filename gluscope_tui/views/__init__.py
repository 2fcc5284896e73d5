"""Turns records into lines, tables, JSON and Markdown, without Textual."""
