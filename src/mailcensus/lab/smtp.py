"""SMTP, the server's side as far as a census asks: greeting, EHLO, STARTTLS, QUIT (RFC 5321, RFC 3207)."""

from __future__ import annotations

from mailcensus.lab.responder import Answer, LineResponder, Then, text


class SmtpResponder(LineResponder):
    """One SMTP connection."""

    refuse = False
    """Set before `greet` to turn this visitor away for now."""

    def greet(self) -> Answer:
        """220, or 421 when this visitor is to come back later."""
        if self.refuse:
            busy = text(f"421 4.7.0 {self.service.host_name} Too many connections, try again later")
            return Answer(busy, Then.CLOSE)
        return Answer(text(self.service.greeting))

    def answer(self, line: bytes) -> Answer:
        """Answer one command."""
        verb = line.split(b" ", 1)[0].upper()
        if verb == b"EHLO":
            return Answer(self._ehlo())
        if verb == b"HELO":
            return Answer(text(f"250 {self.service.host_name}"))
        if verb == b"STARTTLS" and self.offers_starttls:
            self.visit.starttls = True
            return Answer(text("220 2.0.0 Ready to start TLS"), Then.START_TLS)
        if verb == b"QUIT":
            self.visit.farewell = True
            return Answer(text("221 2.0.0 Bye"), Then.CLOSE)
        if verb in (b"NOOP", b"RSET"):
            return Answer(text("250 2.0.0 Ok"))
        return Answer(text("502 5.5.2 Error: command not recognized"))

    def _ehlo(self) -> bytes:
        *first, last = (self.service.host_name, *self.capabilities)
        return text(*(f"250-{line}" for line in first), f"250 {last}")
