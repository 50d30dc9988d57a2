"""What a peer said, made harmless for the place it is shown in.

Greetings, certificate names and PTRs are written by strangers. Three places can be harmed by them:

* a reader's eye: control and bidirectional characters hide or reorder text. They are shown as escapes
  (`\\x1b`, `\\u202e`), everywhere, so that what is read is what was sent;
* HTML: templates escape all text (Jinja's autoescape), and JSON inside a script element is written so that it
  cannot end the element;
* spreadsheets: a cell that begins like a formula is run. It gets a leading apostrophe (OWASP, CSV injection).
"""

from __future__ import annotations

import json
import re
import unicodedata

from markupsafe import Markup, escape

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Unicode general categories that print nothing or steer how other text prints (bidi marks are Cf)."""

_SUSPECT = re.compile(r"[^\x20-\x7e]")
_FORMULA_START = re.compile(r"^\s*[=+\-@\t\r＝＋－＠]")


def visible(text: str) -> str:
    """The text with every character that would not show itself written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(_shown, text)


def visible_html(text: str) -> Markup:
    """As `visible`, escaped for HTML, with the written-out characters marked up as such."""
    if text.isascii() and text.isprintable():
        return escape(text)
    return Markup("").join(_marked(character) for character in text)


def csv_cell(text: str) -> str:
    """The text for one CSV cell: visible, and with an apostrophe before anything that starts a formula.

    Formula characters are = + - @ tab and carriage return, and the full-width forms some spreadsheets accept.
    """
    shown = visible(text)
    return f"'{shown}" if _FORMULA_START.match(text) else shown


def script_json(value: object) -> Markup:
    """JSON that can stand inside a script element: no `<`, `>`, `&` or line separators are left in it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    return _escaped(character) if _is_hidden(character) else character


def _marked(character: str) -> Markup:
    if not _is_hidden(character):
        return escape(character)
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return Markup('<span class="hidden-character" title="{}">{}</span>').format(name, _escaped(character))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or (character.isspace() and character != " ")


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
