"""The XML streams of XMPP (RFC 6120 sections 4 and 11): bytes in, stream header and first-level elements out.

expat reads the XML, but never sees a piece that could make it work twice: markup and text are cut out whole, each
within the line cap, and fed once. (Older expat reads an unfinished token from its start with every byte that
arrives, CVE-2023-52425.) Comments, processing instructions, CDATA and document types are refused before expat sees
them; so there are no entities but the five of XML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from mailcensus.wire.errors import LimitExceeded, ProtocolError
from mailcensus.wire.exchange import Limits, printable
from mailcensus.wire.lines import LineReader, Lines, UnexpectedLine

_DEPTH = 16
_END_OF_TEXT = re.compile(rb"\n|(?=<)")
_QUOTE_OR_END = re.compile(rb"[\"'>]")
_CLOSING_QUOTE = {b'"': re.compile(rb'"'), b"'": re.compile(rb"'")}


@dataclass(slots=True)
class Element:
    """One element; `source` is the tag as sent (only for a stream header)."""

    namespace: str
    name: str
    attributes: dict[str, str]
    source: str | None = None
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own character data."""
        return "".join(self.texts)


class Markup(Lines):
    """Cuts a byte stream into whole tags and, between them, whole lines of text."""

    def __init__(self, token_bytes: int, text_bytes: int) -> None:
        super().__init__(token_bytes, text_bytes)
        self._quote: bytes | None = None

    def next_token(self) -> bytes | None:
        """The next tag, `<` to `>`, or the next line of text before it; None: it has not all arrived yet.

        Raises:
            LimitExceeded: it is longer than the cap, or the whole text is.
        """
        is_tag = self._buffer[self._start : self._start + 1] == b"<"
        end = self._end_of_tag() if is_tag else self._end_of_text()
        if end < 0:
            self._searched = len(self._buffer)
            self._check_line(self._searched - self._start)
            self._check_text()
            return None
        self._check_line(end - self._start)
        token = bytes(self._buffer[self._start : end])
        self._start = self._searched = end
        return token

    def _end_of_text(self) -> int:
        found = _END_OF_TEXT.search(self._buffer, self._searched)
        return found.end() if found else -1

    def _end_of_tag(self) -> int:
        """Behind the `>` that is in no attribute value; -1: not there yet."""
        at = self._searched
        while found := (_CLOSING_QUOTE[self._quote] if self._quote else _QUOTE_OR_END).search(
            self._buffer, at
        ):
            at = found.end()
            if self._quote:
                self._quote = None
            elif found[0] == b">":
                return at
            else:
                self._quote = bytes(found[0])
        return -1


class StreamReader(LineReader[Element]):
    """One XML stream of a server; a new one begins behind STARTTLS."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.lines: Markup = Markup(limits.line, limits.text)
        self._open: list[Element] = []
        self._whole: Element | None = None
        self._tag = b""
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def next(self) -> Element | None:
        """The stream header (as soon as it is open), then each first-level element when it is whole.

        Raises:
            ProtocolError: it is not XML, or XML that XMPP forbids, or the stream was closed.
            LimitExceeded: a cap was passed.
        """
        while (token := self.lines.next_token()) is not None:
            self._feed(token)
            if self._whole is not None:
                element, self._whole = self._whole, None
                return element
        return None

    def _feed(self, token: bytes) -> None:
        if token[:2] == b"<!" or (token[:2] == b"<?" and token[:5].lower() != b"<?xml"):
            raise ProtocolError(f"XML that XMPP forbids: {printable(token[:100])!r}")
        self._tag = token
        try:
            self._parser.Parse(token, False)
        except expat.ExpatError as error:
            raise UnexpectedLine(f"an XML stream ({expat.ErrorString(error.code)})", token) from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        element = Element(namespace, local, attributes)
        if len(self._open) >= _DEPTH:
            raise LimitExceeded("the server sent XML deeper than our cap")
        if self._open:
            self._open[-1].children.append(element)
        else:
            element.source = printable(self._tag)
            self._whole = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        if not self._open:
            raise ProtocolError("the server closed the stream")
        if len(self._open) == 1:
            self._open[0].children.clear()
            self._whole = element

    def _text(self, text: str) -> None:
        if len(self._open) > 1:
            self._open[-1].texts.append(text)
