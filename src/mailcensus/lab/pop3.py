"""POP3, the server's side as far as a census asks: greeting, CAPA, STLS, QUIT (RFC 1939, RFC 2449, RFC 2595)."""

from __future__ import annotations

from mailcensus.lab.responder import Answer, LineResponder, Then, text


class Pop3Responder(LineResponder):
    """One POP3 connection."""

    def greet(self) -> Answer:
        """+OK and a text."""
        return Answer(text(self.service.greeting))

    def answer(self, line: bytes) -> Answer:
        """Answer one command."""
        verb = line.split(b" ", 1)[0].upper()
        if verb == b"CAPA":
            return Answer(text("+OK", *self.capabilities, "."))
        if verb == b"STLS" and self.offers_starttls:
            self.visit.starttls = True
            return Answer(text("+OK Begin TLS negotiation now."), Then.START_TLS)
        if verb == b"QUIT":
            self.visit.farewell = True
            return Answer(text("+OK Logging out."), Then.CLOSE)
        return Answer(text("-ERR Unknown command."))
