"""Whether leaf certificates are for the names by which their hosts are known (RFC 9525).

Names are the server name that was sent (SNI), the reverse name, and the host name in the greeting. The rules are
those of `facts.name_match`, written for a table: alternative names are compared without regard to case, a wildcard
stands for one whole first label, and the common name counts for nothing.
"""

from __future__ import annotations

from functools import reduce

import ibis

from mailcensus.dataset.tables import Dataset, later_attempts, of_run, without_superseded
from mailcensus.facts.name_match import NameMatch
from mailcensus.wire.certificates import SANS_KEPT

_HOST_NAME = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z][a-z0-9-]{0,61}[a-z0-9]"
"""As in `wire.host_names`."""
_GREETING_CHARACTERS = 300


def name_matches(dataset: Dataset, run_id: str | None) -> ibis.Table:
    """How the leaf that a host showed on a service names it, on the last grab of each in a run.

    Returns:
        One row per ip, service and source of a name (sni, ptr, greeting), where the host has such a name:
        leaf_sha256, name, name_match (exact, wildcard, common_name_only, none; null: the certificate has more
        alternative names than were kept, and none of those kept matches), matches (exact or wildcard; null alike).
    """
    asked = _asked(dataset, run_id)
    certificates = dataset.table("certificates")
    leaves = certificates.select("sha256", "sans_count", "common_name")
    found = asked.join(leaves, asked.leaf_sha256 == leaves.sha256).drop("sha256")
    found = found.left_join(presented_names(certificates), "leaf_sha256").drop("leaf_sha256_right")
    presented = found.presented.fill_null(ibis.literal([], "array<string>"))
    common_name = found.common_name.lower()
    wildcard = wildcard_for(found.name)
    match = ibis.cases(
        (presented.contains(found.name), str(NameMatch.EXACT)),
        (presented.contains(wildcard), str(NameMatch.WILDCARD)),
        (found.sans_count.fill_null(0) > SANS_KEPT, ibis.null("string")),
        ((common_name == found.name) | (common_name == wildcard), str(NameMatch.COMMON_NAME_ONLY)),
        else_=str(NameMatch.NONE),
    )
    rows = found.mutate(name_match=match).drop("presented", "sans_count", "common_name")
    return rows.mutate(matches=rows.name_match.isin([str(one) for one in NameMatch if one.matches]))


def presented_names(certificates: ibis.Table) -> ibis.Table:
    """leaf_sha256, presented: its alternative names in lower case."""
    each = certificates.select(leaf_sha256="sha256", san=certificates.sans.unnest())
    return each.group_by("leaf_sha256").agg(presented=each.san.lower().collect())


def _asked(dataset: Dataset, run_id: str | None) -> ibis.Table:
    """ip, service, leaf_sha256, source, name; names in lower case without their last dot."""
    grabs = dataset.table("grabs")
    shown = of_run(grabs, run_id).filter(grabs.tls.leaf_sha256.notnull())
    narrow = shown.select(
        "ip", "service", "attempt",
        leaf_sha256=shown.tls.leaf_sha256,
        sni=shown.tls.sni,
        greeting=shown.greeting.left(_GREETING_CHARACTERS).lower().re_extract(_HOST_NAME, 0),
    )  # fmt: skip
    last = without_superseded(narrow, later_attempts(grabs, run_id)).drop("attempt")
    hosts = of_run(dataset.table("hosts"), run_id)
    named = last.left_join(hosts.select("ip", "ptr"), "ip").drop("ip_right")
    each = [
        named.select("ip", "service", "leaf_sha256", source=ibis.literal(source), name=_normal(named[source]))
        for source in ("sni", "ptr", "greeting")
    ]
    return reduce(ibis.union, [one.filter(one.name != "") for one in each])


def _normal(name: ibis.Value) -> ibis.Value:
    return name.lower().re_replace(r"\.$", "")


def wildcard_for(name: ibis.Value) -> ibis.Value:
    """The wildcard that stands for a name; it must leave two labels."""
    rest = name.re_replace(r"^[^.]*\.?", "")
    return rest.contains(".").ifelse("*." + rest, ibis.null("string"))
