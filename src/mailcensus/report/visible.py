"""What a peer said, made harmless for the place it is shown in.

Greetings, certificate names and PTRs are written by strangers. Three places can be harmed by them:

* a reader's eye: control and bidirectional characters hide or reorder text. They are shown as escapes
  (`wire.visible`), everywhere, so that what is read is what was sent;
* HTML: templates escape all text (Jinja's autoescape), and JSON inside a script element is written so that it
  cannot end the element;
* spreadsheets: a cell that begins like a formula is run. It gets a leading apostrophe (OWASP, CSV injection).
"""

from __future__ import annotations

import json
import unicodedata

from markupsafe import Markup, escape

from mailcensus.analysis.csv_text import csv_cell
from mailcensus.wire.visible import escaped, is_hidden, visible

__all__ = ["csv_cell", "script_json", "visible", "visible_html"]


def visible_html(text: str) -> Markup:
    """As `visible`, escaped for HTML, with the written-out characters marked up as such."""
    if text.isascii() and text.isprintable():
        return escape(text)
    return Markup("").join(_marked(character) for character in text)


def script_json(value: object) -> Markup:
    """JSON that can stand inside a script element: no `<`, `>`, `&` or line separators are left in it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _marked(character: str) -> Markup:
    if not is_hidden(character):
        return escape(character)
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return Markup('<span class="hidden-character" title="{}">{}</span>').format(name, escaped(character))
