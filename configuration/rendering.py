"""Templates to text: Jinja2, where a name that is not given is an error and nothing is escaped or trimmed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@lru_cache(maxsize=1)
def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def render(template: str, **values: Any) -> str:
    """The text of ``template``, a path below ``templates/``.

    Raises:
        jinja2.UndefinedError: the template uses a name that is not among ``values``.
    """
    return environment().get_template(template).render(**values)
