"""The rules that read causes, all of them, in the order in which they are tried: the first that fits decides.

A rule fits a key when what it `needs` holds for the key's facts (`cluster_evidence.Facts`; plain SQL over those
columns). What `supports` it does not decide; it says how sure the reading is. Confidence is high when three quarters
of the supports hold, medium when half of them do, else low. An unknown fact supports nothing.

To add a cause or mend a rule, edit this table; names of products and networks are in `cause_patterns.toml`. What the
rules are worth is measured by `python -m bench.causes` and told in docs/explanation/causes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reading(StrEnum):
    """Why hosts share a key, as far as it can be told."""

    ONE_MACHINE = "one_machine"
    CDN = "cdn"
    CLONED_IMAGE = "cloned_image"
    PRODUCT_DEFAULT = "product_default"
    SUSPICIOUS = "suspicious"
    WILDCARD = "wildcard"
    SHARED_HOSTING = "shared_hosting"
    ONE_OPERATOR = "one_operator"
    MIXED = "mixed"
    UNKNOWN = "unknown"


MEANINGS = {
    Reading.ONE_MACHINE: "one machine with several addresses: nobody re-uses a key",
    Reading.CDN: "a content delivery network answers from many places with one key, on purpose",
    Reading.CLONED_IMAGE: "an image was copied with its keys: who holds one copy can pose as all of them",
    Reading.PRODUCT_DEFAULT: "a product brought the key along: whoever has the product has the private key",
    Reading.SUSPICIOUS: "the key of a name that none of these hosts has anything to do with, in unrelated networks",
    Reading.WILDCARD: "a wildcard certificate on hosts of the domain it names",
    Reading.SHARED_HOSTING: "a hoster's certificate in front of many customers' names",
    Reading.ONE_OPERATOR: "load balancing, or one operator who put one key on several hosts",
    Reading.MIXED: "several causes in one cluster: the readings of its keys differ",
    Reading.UNKNOWN: "nothing tells",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to come to a reading."""

    reading: Reading
    needs: str
    supports: tuple[tuple[str, str], ...]
    """Condition, and what it says in words."""


_OWN_SSH = ("ssh_known >= 2 AND ssh_keys = ssh_known", "every host has an SSH host key of its own")
_ONE_AS = ("as_known > 0 AND asns = 1", "all in one AS")
_SAME_SOFTWARE = ("softwares = 1", "all run the same software")
_MANY_DOMAINS = ("domains >= 3", "their names are in three or more registered domains")

RULES: tuple[Rule, ...] = (
    Rule(
        Reading.ONE_MACHINE,
        "machines = 1",
        (
            ("named = hosts AND names = 1", "all greet with one name"),
            ("ssh_known = hosts AND ssh_keys = 1", "all show one SSH host key"),
            ("tls_known = hosts AND tls_keys = 1", "all show one TLS key"),
            _ONE_AS,
        ),
    ),
    Rule(
        Reading.PRODUCT_DEFAULT,
        "known",
        (("known", "the key is on a list of keys that came with products"),),
    ),
    Rule(
        Reading.CDN,
        "by_tls AND (cdn_hosts * 2 > hosts OR cdn_certificates > 0)",
        (
            ("cdn_hosts * 2 > hosts", "most are in an AS of a content delivery network"),
            (
                "cdn_certificates > 0 OR certificate_domains >= 3",
                "the certificate names a network or many domains",
            ),
            ("prefixes >= 2", "in several prefixes"),
            ("ssh_known = 0", "none shows an SSH host key"),
        ),
    ),
    Rule(
        Reading.SUSPICIOUS,
        "well_known_certificates > 0 AND as_known > 0 AND owner_hosts * 2 < hosts AND asns >= 2",
        (
            ("owner_hosts = 0", "no host is in an AS of the name's owner"),
            ("asns >= 3", "in three or more ASes"),
            ("named > 0 AND covered = 0", "no host greets with a name of the certificate's domains"),
            ("countries >= 2", "in several countries"),
        ),
    ),
    Rule(
        Reading.PRODUCT_DEFAULT,
        "by_tls AND default_certificates > 0 AND default_certificates = certificates"
        " AND (ssh_known < 2 OR ssh_keys > 1 OR asns >= 3)",
        (
            ("default_certificates > 0", "the subject is that of a product's default certificate"),
            ("issued = 0", "nobody issued it"),
            ("domains >= 2", "their names are in several registered domains"),
            ("asns >= 2", "in several ASes"),
        ),
    ),
    Rule(
        Reading.PRODUCT_DEFAULT,
        "by_ssh AND NOT by_tls AND hosts >= 3 AND domains >= 3 AND asns >= 3 AND tls_keys * 2 > tls_known",
        (
            _MANY_DOMAINS,
            ("asns >= 3", "in three or more ASes"),
            ("tls_known >= 2 AND tls_keys = tls_known", "every host has a TLS key of its own"),
            ("countries >= 2", "in several countries"),
        ),
    ),
    Rule(
        Reading.CLONED_IMAGE,
        # Without ASes an image is not told from a product's SSH key, nor from a machine in several networks.
        "ssh_known >= 2 AND ssh_keys = 1 AND ssh_known * 2 >= hosts"
        " AND NOT (as_known = 0 AND domains >= 3 AND tls_keys * 2 > tls_known)"
        " AND NOT (as_known = 0 AND hosts <= 4 AND named >= 2 AND names = 1)",
        (
            ("ssh_known = hosts", "all show one SSH host key"),
            ("tls_known >= 2 AND tls_keys = 1", "they show one TLS key too"),
            _SAME_SOFTWARE,
            ("names >= 2 OR machines = hosts", "their names differ, or they stand apart: not one machine"),
        ),
    ),
    Rule(
        Reading.SUSPICIOUS,
        "issued > 0 AND asns >= 3 AND domains >= 3 AND covered * 4 <= named AND hoster_hosts * 2 <= hosts"
        " AND certificate_domains < 5",
        (
            ("covered = 0", "no host greets with a name of the certificate's domains"),
            ("asns * 2 > as_known", "in as many ASes as hosts, nearly"),
            ("countries >= 2", "in several countries"),
            ("softwares >= 2", "they run different software"),
        ),
    ),
    Rule(
        Reading.PRODUCT_DEFAULT,
        "certificates = 1 AND issued = 0 AND asns >= 3 AND domains >= 3 AND covered = 0",
        (
            _MANY_DOMAINS,
            _OWN_SSH,
            ("countries >= 2", "in several countries"),
            ("asns * 2 > as_known", "in as many ASes as hosts, nearly"),
        ),
    ),
    Rule(
        Reading.WILDCARD,
        "wildcards > 0 AND covered * 2 >= named AND certificate_domains < 5",
        (
            ("named > 0 AND covered = named", "every name is in the certificate's domain"),
            ("names >= 2", "under several names"),
            ("ssh_known < 2 OR ssh_keys > 1", "not a copied image: SSH host keys differ"),
            ("named > 0 AND domains = 1", "one registered domain"),
        ),
    ),
    Rule(
        Reading.SHARED_HOSTING,
        "by_tls AND (certificate_domains >= 5"
        " OR (domains >= 3 AND covered * 2 < named AND (asns = 1 OR hoster_hosts * 2 > hosts)))",
        (
            _ONE_AS,
            ("hoster_hosts * 2 > hosts", "most are in an AS of a hoster"),
            ("issued > 0", "the certificate was issued by somebody else"),
            ("certificate_domains >= 5 OR domains >= 3", "for many registered domains"),
        ),
    ),
    Rule(
        Reading.CLONED_IMAGE,
        "by_tls AND ssh_known < 2 AND certificates = 1 AND issued = 0 AND covered = 0 AND domains >= 2"
        " AND asns = 1 AND softwares = 1",
        (
            ("domains = named", "every host is in a domain of its own"),
            ("tls_known >= 2 AND tls_keys = 1", "they show one TLS key on every service"),
            ("prefixes = 1", "all in one prefix"),
            ("ssh_known >= 2", "SSH host keys were seen"),
        ),
    ),
    Rule(
        Reading.ONE_OPERATOR,
        "NOT (ssh_known >= 2 AND ssh_keys = 1)"
        " AND (domains = 1 OR (named > 0 AND covered * 2 >= named) OR (asns = 1 AND domains <= 1))",
        (
            ("named > 0 AND domains = 1", "one registered domain"),
            ("named > 0 AND covered = named", "every name is in a certificate's domain"),
            _ONE_AS,
            _SAME_SOFTWARE,
        ),
    ),
)

UNDECIDED = Rule(Reading.UNKNOWN, "TRUE", ())

HIGH_SHARE, MEDIUM_SHARE = 0.75, 0.5
"""Of the supports that hold."""
