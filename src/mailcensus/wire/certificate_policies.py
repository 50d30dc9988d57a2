"""What a certificate's policies say of how its holder was validated."""

from __future__ import annotations

from mailcensus.wire import der
from mailcensus.wire.errors import ProtocolError

POLICIES_KEPT = 20

_VALIDATIONS = {
    # CA/Browser Forum, "Object registry": the reserved certificate policy identifiers
    "2.23.140.1.1": "ev",
    "2.23.140.1.2.1": "dv",
    "2.23.140.1.2.2": "ov",
    "2.23.140.1.2.3": "iv",
}


def read_policies(value: bytes) -> tuple[str, ...]:
    """OIDs of a certificatePolicies extension in its order, at most POLICIES_KEPT (RFC 5280 section 4.2.1.4).

    Raises:
        ProtocolError: it is not one.
    """
    oids: list[str] = []
    for information in der.children(value, der.whole(value, der.SEQUENCE)):
        parts = der.children(value, information)
        if not parts or parts[0].tag != der.OID:
            raise ProtocolError("not a policy")
        oids.append(der.dotted(der.content(value, parts[0])))
    return tuple(oids[:POLICIES_KEPT])


def validation_of(policies: tuple[str, ...] | None) -> str | None:
    """dv, ov, iv or ev by the first policy that says so; None: none does."""
    return next((_VALIDATIONS[oid] for oid in policies or () if oid in _VALIDATIONS), None)
