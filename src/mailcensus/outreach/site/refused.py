"""What is refused, with a status of HTTP and a sentence for whoever asked."""

from __future__ import annotations


class Refused(Exception):
    """A request that is not done; the sentence never holds anything the requester sent."""

    def __init__(self, status: int, sentence: str, retry_s: float | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.retry_s = retry_s

    @property
    def headers(self) -> dict[str, str]:
        """Those that go with it."""
        return {} if self.retry_s is None else {"Retry-After": str(int(self.retry_s) + 1)}
