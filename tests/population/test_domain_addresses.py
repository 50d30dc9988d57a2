"""What the DNS says of an excluded domain, asked of a server on loopback."""

from __future__ import annotations

import dns.rcode

from mailcensus.population.domain_addresses import DomainAddresses, DomainResolver
from mailcensus.population.prefixes import PrefixSet
from name_server import Zone, name_server


def test_the_addresses_of_a_domain_are_its_own_and_those_of_its_mail_exchanges() -> None:
    zone = {
        ("example.org", "MX"): ("10 mx.example.net.", "20 gone.example.net."),
        ("example.org", "A"): ("192.0.2.1",),
        ("mx.example.net", "A"): ("192.0.2.2", "192.0.2.3"),
        ("mx.example.net", "AAAA"): ("2001:db8::25",),
    }
    with name_server(zone) as server:
        found = DomainResolver([server]).addresses_of("example.org")
    assert found == DomainAddresses(PrefixSet.of(["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::25"]))


def test_a_domain_that_does_not_exist_or_takes_no_mail_has_no_exchanges() -> None:
    with name_server({("example.org", "MX"): ("0 .",)}) as server:
        resolver = DomainResolver([server])
        assert resolver.addresses_of("example.org") == DomainAddresses(PrefixSet())
        assert resolver.addresses_of("example.net") == DomainAddresses(PrefixSet())


def test_a_lookup_that_nobody_answers_is_told_and_the_others_count() -> None:
    zone: Zone = {("example.org", "MX"): dns.rcode.SERVFAIL, ("example.org", "A"): ("192.0.2.1",)}
    with name_server(zone) as server:
        found = DomainResolver([server], lookup_s=0.2).addresses_of("example.org")
    assert found.addresses == PrefixSet.of(["192.0.2.1"])
    assert len(found.failures) == 1
    assert found.failures[0].startswith("example.org MX: ")
    assert "\n" not in found.failures[0]
