"""Connections on mail ports that are no mail: set aside as in "TLS in the Wild" (Holz 2016, section VI)."""

from __future__ import annotations

from enum import StrEnum

import ibis


class SetAside(StrEnum):
    """Why a connection is in no table of mail; it belongs to the first that fits."""

    TOR = "tor"
    """The certificate is one of Tor's links: random names in www.*.net and www.*.com."""
    PUSH = "push"
    """A push service: Apple's or Google's, by the name asked for, the certificate or ALPN."""
    PROXY = "proxy"
    """HTTP by ALPN, offered or chosen, on a port that is not HTTP's."""


_RANDOM = "[a-z2-7]{8,20}"
"""Of Tor's first link protocols: tor-spec, section 2 ("Connections"); 8 to 20 letters of base32."""
_TOR_SUBJECT, _TOR_ISSUER = rf"^CN=www\.{_RANDOM}\.net$", rf"^CN=www\.{_RANDOM}\.com$"
_PUSH_NAMES = r"(^|[.=*-])(push(-apple)?\.apple\.com|courier\.push\.apple\.com|mtalk\.google\.com)($|,)"
_HTTP = "^(http/[0-9.]+|h2c?|h3|spdy/[0-9.]+)$"
_PUSH_ALPN = "^apns-"


def set_aside(flows: ibis.Table) -> ibis.Value:
    """Why each flow is set aside; null: it is not. A column that is null says nothing."""
    asked, subject = flows.client_hello.sni.lower(), flows.leaf_subject
    offered = flows.client_hello.alpn.join(" ")
    tor = subject.re_search(_TOR_SUBJECT) & flows.leaf_issuer.re_search(_TOR_ISSUER)
    chosen = flows.tls.alpn
    push = [
        asked.re_search(_PUSH_NAMES),
        subject.lower().re_search(_PUSH_NAMES),
        chosen.re_search(_PUSH_ALPN),
        offered.re_search("(^| )apns-"),
    ]
    web = (flows.service == "https").fill_null(False)
    proxy = [chosen.re_search(_HTTP), offered.re_search("(^| )(http/[0-9.]+|h2c?|h3|spdy/[0-9.]+)( |$)")]
    return ibis.cases(
        (_said(tor), str(SetAside.TOR)),
        (~web & ibis.or_(*map(_said, push)), str(SetAside.PUSH)),
        (~web & ibis.or_(*map(_said, proxy)), str(SetAside.PROXY)),
    )


def _said(value: ibis.Value) -> ibis.Value:
    return value.fill_null(False)
