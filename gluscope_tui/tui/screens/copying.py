"""Copies contexts, and says what was copied."""

from __future__ import annotations

from indexer.database.records import Example

from ...views.citation import Cited, citation
from ..session.session import Screens, Session


def copied_context(screens: Screens, cited: Cited, example: Example, *, cited_whole: bool) -> str:
    """Copy a context as a citation, or its bare text. Returns what was copied and how."""
    what = "citation" if cited_whole else "text"
    text = citation(cited, example) if cited_whole else example.text
    length = f"{len(text):,} {'character' if len(text) == 1 else 'characters'}"
    return f"{what} of {cited.name} {example.rank + 1}, {length}: {screens.copy_text(text)}"


def copied_here(session: Session, *, cited: bool) -> str:
    """Copy the context under home's cursor."""
    explorer = session.explorer
    example = explorer.example
    if example is None:
        return "there is no context here"
    shown = explorer.shown
    what = Cited(explorer.facts.model, shown.neuron, explorer.view.focused, shown.signs)
    return copied_context(session.screens, what, example, cited_whole=cited)
