"""The certificate status in an OCSP response that strict readers refuse, RFC 6960 section 4.2.1.

VeriSign's responders wrote out `version`, which DER forbids where it is the default; OpenSSL takes that, and so do
the clients that such a response was stapled for.
"""

from __future__ import annotations

from mailcensus.wire import der
from mailcensus.wire.errors import ProtocolError

_TIME, _RESPONSE_BYTES = 0x18, 0xA0
_STATUS = {0x80: "good", 0xA1: "revoked", 0x82: "unknown"}


def lenient_status(response: bytes) -> str | None:
    """good, revoked or unknown of the first certificate in a response; None: there is none to be found."""
    try:
        outer = der.children(response, der.whole(response, der.SEQUENCE))
        tagged = next(element for element in outer if element.tag == _RESPONSE_BYTES)
        typed = der.children(response, der.expect(response, tagged.start, tagged.stop, der.SEQUENCE))
        basic = der.content(response, next(element for element in typed if element.tag == der.OCTET_STRING))
        data = der.children(basic, der.children(basic, der.whole(basic, der.SEQUENCE))[0])
        produced = next(at for at, element in enumerate(data) if element.tag == _TIME)
        single = der.children(basic, der.children(basic, data[produced + 1])[0])
        return _STATUS.get(single[1].tag)
    except (ProtocolError, StopIteration, IndexError):
        return None
