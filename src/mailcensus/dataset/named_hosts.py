"""Hosts that named themselves under a domain: in a greeting, or in the certificate they showed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from mailcensus.dataset.pending import execute, rows_of
from mailcensus.population.exclusion_list import is_under
from mailcensus.wire.host_names import host_names_in

# A name is under a domain only where the text holds the domain: that is quick to see, and few rows are left.
_NAMED = """
WITH shown AS (
    SELECT ip, greeting, tls.leaf_sha256 AS leaf FROM grabs
    UNION ALL SELECT ip, greeting, tls.leaf_sha256 FROM followups
), own AS (
    SELECT DISTINCT ip, greeting, common_name, sans FROM shown LEFT JOIN certificates ON leaf = sha256
)
SELECT ip, greeting, common_name, sans FROM own
WHERE list_bool_or(list_transform($domains, lambda domain: contains(
    lower(concat_ws(' ', greeting, common_name, array_to_string(sans, ' '))), domain)))
"""


def hosts_named_under(data: Path, domains: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Addresses whose greeting or certificate, in any run, names a host under one of some domains, and their names.

    Args:
        data: the dataset.
        domains: lower case, without a last dot.
    """
    if not domains:
        return
    tables = ("grabs", "followups", "certificates")
    for ip, greeting, common_name, sans in rows_of(execute(data, _NAMED, tables, domains=sorted(domains))):
        names = own_names(greeting, common_name, sans)
        if any(is_under(name, domain) for name in names for domain in domains):
            yield ip, names


def own_names(greeting: str | None, common_name: str | None, sans: Collection[str] | None) -> list[str]:
    """The names that a host gives itself."""
    return [*host_names_in(greeting), *([common_name] if common_name else []), *(sans or ())]
