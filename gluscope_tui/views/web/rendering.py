"""The templates: every value is escaped unless it is HTML that this package made."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .assets import TEMPLATES


def render(template: str, page: object) -> str:
    """The template's HTML, in which the name `page` is this object."""
    return _environment().get_template(template).render(page=page)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
