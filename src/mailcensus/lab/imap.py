"""IMAP, the server's side as far as a census asks: greeting, CAPABILITY, STARTTLS, LOGOUT (RFC 3501)."""

from __future__ import annotations

from mailcensus.lab.responder import Answer, LineResponder, Then, text


class ImapResponder(LineResponder):
    """One IMAP connection."""

    def greet(self) -> Answer:
        """* OK and a text."""
        return Answer(text(self.service.greeting))

    def answer(self, line: bytes) -> Answer:
        """Answer one tagged command."""
        tag, _, command = line.decode("ascii", "replace").partition(" ")
        verb = command.upper()
        if verb == "CAPABILITY":
            return Answer(
                text("* CAPABILITY " + " ".join(self.capabilities), f"{tag} OK Capability completed.")
            )
        if verb == "STARTTLS" and self.offers_starttls:
            self.visit.starttls = True
            return Answer(text(f"{tag} OK Begin TLS negotiation now."), Then.START_TLS)
        if verb == "LOGOUT":
            self.visit.farewell = True
            return Answer(text("* BYE Logging out", f"{tag} OK Logout completed."), Then.CLOSE)
        if verb == "NOOP":
            return Answer(text(f"{tag} OK NOOP completed."))
        return Answer(text(f"{tag} BAD Error in IMAP command."))
