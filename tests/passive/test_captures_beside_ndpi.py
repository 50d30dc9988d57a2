"""Two captures of nDPI's own tests beside what nDPI printed of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heard_captures import hear

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

VERSIONS = {"TLSv1.0": "TLSv1", "TLSv1.2": "TLSv1.2"}


@pytest.mark.parametrize("name", ["pop3_stls", "ssl-cert-name-mismatch"])
def test_fingerprints_names_and_suites_are_those_that_ndpi_prints(shared_data: Path, name: str) -> None:
    """Of ALPN, JA4 takes the first and the last character, h1 of http/1.1, where this nDPI took two others."""
    folder = shared_data / "pcap-other" / "nDPI"
    printed = (folder / f"{name}.pcap.ndpi.out").read_text()
    flow = hear(folder / f"{name}.pcap").flow
    assert flow.client_hello is not None
    assert flow.tls is not None
    theirs = dict(re.findall(r"\[(JA3C|JA3S|JA4|Cipher|Hostname/SNI): ([^]\s]+)", printed))
    ours = {
        "JA3C": flow.client_hello.ja3,
        "JA3S": flow.tls.ja3s,
        "JA4": flow.client_hello.ja4,
        "Cipher": flow.tls.cipher_suite_name,
        "Hostname/SNI": flow.client_hello.sni,
    }
    for found in (ours, theirs):
        found["JA4"] = f"{str(found['JA4'])[:8]}{str(found['JA4'])[10:]}"
    assert ours == theirs
    assert f"[{VERSIONS[flow.tls.version_name or '']}]" in printed


def test_pop3_with_stls_is_read_up_to_tls_and_behind(shared_data: Path) -> None:
    flow = hear(shared_data / "pcap-other" / "nDPI" / "pop3_stls.pcap").flow
    assert (flow.protocol, flow.starttls_offered, flow.starttls_accepted, flow.upgraded) == (
        "pop3",
        True,
        True,
        True,
    )
    assert flow.auth_before == ("USER",)
