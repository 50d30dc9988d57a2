"""Numbers in place of long names, given once: hosts, keys and certificates.

A name is 64 hex digits; the analyses group and join by it again and again. The tables `keys` and `certificates`
hold every name once, so a name's number is its row there, and each sighting is looked up once, by a hash of 64 bits:
that takes a third of the time of comparing names, and no memory for them. It stays exact, since `collide` says
whether any two names of a table have the same hash; where they do, or where a sighting's name is in no table,
whole names are compared.
"""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa

from mailcensus.analysis.addresses import address_numbers
from mailcensus.analysis.database_functions import name_hash

UNLISTED = -1
"""The number of a name that its table does not hold: a dataset that was cut, or that others made."""


def number_hosts(asked: ibis.Table) -> pa.Table:
    """Hosts by address, numbered so that numbers sort as addresses do.

    Args:
        asked: one row per grab: ip, connected.
    Returns:
        host, ip, connected (any grab was), is_v6, number (IPv4 address; upper half of an IPv6 address).
    """
    hosts = asked.group_by("ip").agg(connected=asked.connected.any()).to_pyarrow().combine_chunks()
    addresses = address_numbers(hosts["ip"].combine_chunks())
    order = addresses.order()
    numbered = {
        "host": pa.array(np.arange(len(order)), pa.int32()),
        "is_v6": pa.array(addresses.is_v6[order]),
        "number": pa.array(addresses.number[order]),
    }
    ordered = hosts.take(order)
    return pa.table({**{name: ordered[name] for name in ordered.column_names}, **numbered})


def number_keys(keys: ibis.Table, unlisted: ibis.Table | None = None) -> ibis.Table:
    """Keys of the table `keys`, and names that it does not hold.

    Args:
        unlisted: one column spki_sha256, different names.
    Returns:
        key, spki_sha256, algorithm, bits, curve; of an unlisted key the name alone.
    """
    rows = keys.select("spki_sha256", "algorithm", "curve", bits=keys.bits.cast("int64"))
    return rows_numbered(_and_unlisted(rows, unlisted), "key")


def number_certificates(certificates: ibis.Table, unlisted: ibis.Table | None = None) -> ibis.Table:
    """Certificates of the table `certificates`, and names that it does not hold.

    Args:
        unlisted: one column certificate_sha256, different names.
    Returns:
        certificate, certificate_sha256, common_name.
    """
    rows = certificates.select("common_name", certificate_sha256=certificates.sha256)
    return rows_numbered(_and_unlisted(rows, unlisted), "certificate")


def collide(names: ibis.Column) -> bool:
    """Whether any two of these different names have the same hash."""
    hashes = np.sort(names.as_table().select(hash=name_hash(names)).to_pyarrow()["hash"].to_numpy())
    return bool((hashes[1:] == hashes[:-1]).any())


def rows_numbered(rows: ibis.Table, name: str) -> ibis.Table:
    """A table with its rows numbered from 0, in no particular order."""
    return rows.mutate(**{name: ibis.row_number().over().cast("int32")})


def _and_unlisted(rows: ibis.Table, unlisted: ibis.Table | None) -> ibis.Table:
    if unlisted is None:
        return rows
    (name,) = unlisted.columns
    missing = {column: ibis.null(kind) for column, kind in rows.schema().items() if column != name}
    new = unlisted.anti_join(rows, name).mutate(**missing)
    return ibis.union(rows, new.select(*rows.columns))
