"""Templates to text with Jinja2. An undefined name is an error, and nothing is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
    auto_reload=True,
)
"""Compiles a template once, and again when its file has changed."""


def render(template: str, **values: Any) -> str:
    """The text of ``template``, a path below ``templates/``.

    Raises:
        jinja2.UndefinedError: the template uses a name that is not among ``values``.
    """
    return ENVIRONMENT.get_template(template).render(**values)
