"""The server's side of a dialogue, bytes only: what to answer to what was heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum, auto

from mailcensus.lab.ledger import Visit
from mailcensus.lab.plan import ServicePlan

_LINE_BYTES = 8_192


class Then(Enum):
    """What the connection does after an answer is sent."""

    GO_ON = auto()
    START_TLS = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes to send, and what to do then."""

    data: bytes = b""
    then: Then = Then.GO_ON


SILENCE = Answer()


class Responder(ABC):
    """One connection's server side of a protocol."""

    def __init__(self, service: ServicePlan, visit: Visit) -> None:
        self.service = service
        self.visit = visit
        self.secure = False
        """TLS is up."""

    @abstractmethod
    def greet(self) -> Answer:
        """The first word; SILENCE where the client speaks first."""

    @abstractmethod
    def receive(self, data: bytes) -> Answer:
        """Answer what was heard."""


class LineResponder(Responder):
    """A responder of a protocol made of lines: one command a line, one answer each."""

    def __init__(self, service: ServicePlan, visit: Visit) -> None:
        super().__init__(service, visit)
        self._buffer = b""

    @abstractmethod
    def answer(self, line: bytes) -> Answer:
        """Answer one command, given without its line end."""

    def receive(self, data: bytes) -> Answer:
        """Answer every command that is complete. Commands sent before their turn are noted."""
        self._buffer += data
        said = b""
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            line = line.rstrip(b"\r")
            self.visit.hear(line)
            self.visit.early = self.visit.early or bool(self._buffer)
            answer = self.answer(line)
            said += answer.data
            if answer.then is not Then.GO_ON:
                self._buffer = b""  # what was sent ahead of TLS must not be believed behind it
                return Answer(said, answer.then)
        if len(self._buffer) > _LINE_BYTES:
            return Answer(said, Then.CLOSE)
        return Answer(said)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it announces now."""
        return self.service.capabilities_after if self.secure else self.service.capabilities_before

    @property
    def offers_starttls(self) -> bool:
        """Whether STARTTLS would be accepted now."""
        return self.service.starttls_offered and not self.secure


def text(*lines: str) -> bytes:
    """Lines with their ends."""
    return "".join(f"{line}\r\n" for line in lines).encode()
