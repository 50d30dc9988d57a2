"""The data file of names: every pattern compiles and matches what it is for."""

import re

import pytest

from mailcensus.analysis.cause_patterns import LABELS, first_matching, patterns


@pytest.mark.parametrize("kind", LABELS)
def test_every_pattern_is_one_for_the_matcher_and_for_readers(kind: str) -> None:
    for pattern in patterns(kind):
        assert pattern.matches
        for what, text in pattern.matches.items():
            re.compile(text)
            first_matching(kind, what, [text])


@pytest.mark.parametrize(
    ("kind", "what", "text", "label"),
    [
        ("default_certificate", "subject", "CN=localhost.localdomain", "localhost"),
        ("default_certificate", "subject", "O=Plesk,CN=Plesk", "Plesk"),
        ("default_certificate", "subject", "CN=mail.localhost-hosting.example", None),
        ("default_certificate", "subject", "CN=mx.firm.example", None),
        ("well_known", "names", "update.microsoft.com", "Microsoft"),
        ("well_known", "names", "notmicrosoft.com", None),
        ("well_known", "names", "microsoft.com.firm.example", None),
        ("well_known", "as_org", "MICROSOFT-CORP-MSN-AS-BLOCK", "Microsoft"),
        ("cdn", "as_org", "CLOUDFLARENET", "Cloudflare"),
        ("cdn", "names", "ssl1.cloudflaressl.com", "Cloudflare"),
        ("hoster", "as_org", "Hetzner Online GmbH", "large hosters"),
        ("hoster", "as_org", "University of Somewhere", None),
    ],
)
def test_texts_are_told(kind: str, what: str, text: str, label: str | None) -> None:
    (place,) = first_matching(kind, what, [text])
    assert (patterns(kind)[place].label if place >= 0 else None) == label
