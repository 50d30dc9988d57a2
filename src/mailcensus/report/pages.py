"""Writing a page: the template, with everything that strangers wrote escaped."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mailcensus import __version__
from mailcensus.report.table_view import BROWSER_ROWS_MAX, PAGE_ROWS
from mailcensus.report.visible import visible_html


class Pages:
    """The templates of one report."""

    def __init__(self, study_name: str, made_at: datetime) -> None:
        self._environment = Environment(
            loader=PackageLoader("mailcensus.report"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["visible"] = visible_html
        self._environment.globals.update(
            study_name=study_name,
            made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
            version=__version__,
            page_rows=PAGE_ROWS,
            browser_rows_max=BROWSER_ROWS_MAX,
        )

    def write(self, path: Path, template: str, **context: object) -> None:
        """Fill a template and write the page."""
        path.write_text(self._environment.get_template(template).render(**context), encoding="utf-8")
