r"""Tables as LaTeX (booktabs, graphicx), for a paper: cut to what a page holds, saying so.

What strangers wrote is made visible, and then nothing in it is a command: every character that TeX gives a meaning
to is written as the character (`\textbackslash{}`), and a character that pdfLaTeX has no glyph for as its escape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import pyarrow as pa

from mailcensus.analysis.csv_lists import joined
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.model import fields_of
from mailcensus.report.captions import caption_text
from mailcensus.report.cells import NOBODY, Column, Kind, column_of, is_share, percent
from mailcensus.report.csv_files import Value, rows_of
from mailcensus.report.nobody import shares_of_nobody
from mailcensus.wire.visible import escaped, visible

ROWS_MAX = 40
"""Rows that fit on a page of a paper; the CSV file has all."""
_TEXT_MAX = 48
_HASH_CHARACTERS = 12
_NUMBERS = frozenset({Kind.NUMBER, Kind.SHARE, Kind.CLUSTER, Kind.PUBLISHED})
_COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": r"-{}",  # two would be a dash
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "’": r"\textquoteright{}",
    "…": r"\dots{}",
}
_NOT_IN_T1 = frozenset("ĦħĸĿŀŉŦŧſ")
"""Letters before U+0180 at which pdfLaTeX stops: the encoding T1 has all others."""
_UNKNOWN = r"\textendash{}"
_TEMPLATE = r"""% {file}, made by mailcensus. The preamble needs:
% \usepackage[T1]{{fontenc}}
% \usepackage{{booktabs,graphicx}}
\begin{{table}}
\centering
\caption{{{caption}}}
\label{{tab:mailcensus:{name}}}
\resizebox{{\ifdim\width>\linewidth\linewidth\else\width\fi}}{{!}}{{%
\begin{{tabular}}{{@{{}}{alignment}@{{}}}}
\toprule
{header} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}}}
\end{{table}}
"""


def latex_text(text: str) -> str:
    """Text that LaTeX sets as it reads: nothing in it is a command."""
    return "".join(_COMMANDS.get(character) or _glyph(character) for character in visible(text))


def latex_table(spec: TableSpec, table: pa.Table, shown: Sequence[str]) -> str:
    """A whole `table` environment, with the definition and the denominators as its caption.

    Args:
        spec: the table's entry in the catalogue.
        table: its rows.
        shown: columns to show, in this order.
    """
    fields = {field.name: column_of(field) for field in fields_of(spec.row)}
    columns = [fields[name] for name in shown]
    return _TEMPLATE.format(
        file=f"{spec.name}.tex",
        caption=latex_text(_caption(spec, table.num_rows)),
        name=spec.name.replace("_", "-"),
        alignment="".join("r" if column.kind in _NUMBERS else "l" for column in columns),
        header=" & ".join(latex_text(column.label) for column in columns),
        rows="\n".join(_body(columns, table.slice(0, ROWS_MAX)))
        or f"\\multicolumn{{{len(columns)}}}{{l}}{{No rows.}} \\\\",
    )


def _caption(spec: TableSpec, rows: int) -> str:
    cut = f" The first {ROWS_MAX} of {rows:,} rows; all are in {spec.name}.csv." if rows > ROWS_MAX else ""
    return f"{spec.title}. {caption_text(spec.caption)}{cut}"


def _body(columns: Sequence[Column], table: pa.Table) -> Iterable[str]:
    rows = rows_of(table.select([column.name for column in columns]))
    for row, nobody in zip(rows, shares_of_nobody(columns, table), strict=True):
        cells = " & ".join(
            NOBODY if column.name in nobody else _cell(column.kind, value)
            for column, value in zip(columns, row, strict=True)
        )
        yield f"{cells} \\\\"


def _cell(kind: Kind, value: Value) -> str:
    if value is None or value in ("", []):
        return _UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return latex_text(percent(value) if is_share(kind, value) else f"{value:,.4g}")
    if isinstance(value, int):
        return latex_text(str(value) if kind is Kind.CLUSTER else f"{value:,}")
    if isinstance(value, datetime):
        return latex_text(f"{value:%Y-%m-%d %H:%M}")
    if isinstance(value, date):
        return latex_text(value.isoformat())
    text = value if isinstance(value, str) else joined(value)
    return latex_text(_clipped(text, _HASH_CHARACTERS if kind is Kind.HASH else _TEXT_MAX))


def _clipped(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _glyph(character: str) -> str:
    if character.isascii() or (
        character.isalpha() and ord(character) < 0x180 and character not in _NOT_IN_T1
    ):
        return character
    return latex_text(escaped(character))
