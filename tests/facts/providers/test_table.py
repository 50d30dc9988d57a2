"""The provider table itself."""

from __future__ import annotations

import re

import pytest

from mailcensus.facts.providers.table import provider_table, read_table
from mailcensus.population.registered_domains import host_name

TABLE = provider_table()
NAME = re.compile(r"[a-z0-9_*]([a-z0-9_.*-]*[a-z0-9])?")


def test_every_row_is_whole() -> None:
    for one in TABLE.providers.values():
        assert one.domains
        assert re.fullmatch(r"[A-Z]{2}", one.country)
        assert all(host_name(domain) == domain for domain in (*one.domains, *one.spf))
        assert all(NAME.fullmatch(pattern) for pattern in one.exchanges)


def test_a_cloud_is_nobodys_own_service() -> None:
    clouds = (8075, 15169, 396982, 16509, 14618, 13335, 14061)
    assert [asn for asn in clouds if TABLE.of_system(asn) or TABLE.of_network(asn)] == []


def test_the_longest_domain_counts() -> None:
    for name, expected in {
        "mx.mail.protection.outlook.com": "microsoft",
        "outlook.com": "microsoft",
        "notoutlook.com": None,
        "a.mx.cloudflare.net": "cloudflare-routing",
    }.items():
        provider = TABLE.of_name(name)
        assert (provider.id if provider else None) == expected


def test_a_table_that_contradicts_itself_is_refused() -> None:
    text = (
        'version = "1"\n[holders]\ncolumns = []\nnobody = []\njoint = []\nplaces = []\n[names]\nfillers = []\n'
        "regions = []\nshortest = 5\n[lines]\nparts = []\n[public]\nsuffixes = []\n"
    )
    row = '[[provider]]\nid = "{}"\nname = "N"\ncountry = "US"\nrole = "filter"\ndomains = ["a.example"]\n'
    assert read_table((text + row.format("a")).encode()).of_name("mx.a.example") is not None
    with pytest.raises(ValueError, match=r"a\.example is named twice"):
        read_table((text + row.format("a") + row.format("b")).encode())
    with pytest.raises(ValueError, match="provider a"):
        read_table((text + row.format("a") + "colour = 1\n").encode())
