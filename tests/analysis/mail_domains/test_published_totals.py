"""The numbers of "Where is your mail?" (Hayes, Park, Zhou, 2024) come out of the data published with it.

The totals of cities and of everybody are read from the program's output beside the data. Those of the other groups are
from results/US/output.txt of hongZhou443/MSS at 08c3d53 (March 2024), in the order of QUANTITIES, without shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.mail_domains.totals import QUANTITIES
from mailcensus.analysis.published import published_values
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.imports import import_mss
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings, Study

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]

PRINTED = {
    "# Domains": "domains",
    "# Domains with at least 1 mailserver": "domains_with_mx",
    "# Unqiue Exchange Domains": "exchanges",
    "# Exchanges whose A record lookup failed": "exchanges_failed",
    "# US Locations": "domestic_rows",
    "# Foreign Locations": "foreign_rows",
    "# Detected Third Party Mail Servers": "third_party_rows",
    "% Detected Third Party Mail Servers": "third_party_share",
    "# Detected First Party Mail Servers": "first_party_rows",
    "% Detected First Party Mail Servers": "first_party_share",
    "# Unique Locations (which had at least a country code)": "locations",
    "# Unique Foreign Locations": "foreign_locations",
    "# Unique Domestic Locations": "domestic_locations",
    "# Domains Using Exchange with Anycast IP": "anycast_rows",
    "# Unique Exchange ASN's": "ases",
}
OTHER_GROUPS = {
    "County": (1772, 1426, 1614, 40, 6326, 237, 5582, 174, 171, 7, 164, 63, 164),
    "Federal - Executive": (1205, 566, 472, 28, 2162, 151, 1314, 492, 76, 5, 71, 3, 77),
    "Federal - Judicial": (24, 11, 19, 1, 29, 5, 22, 10, 10, 2, 8, 0, 7),
    "Federal - Legislative": (120, 46, 51, 6, 136, 24, 51, 109, 16, 2, 14, 0, 10),
    "Interstate": (34, 27, 43, 2, 123, 6, 96, 3, 20, 2, 18, 0, 14),
    "Special district": (328, 229, 262, 9, 976, 73, 968, 18, 48, 4, 44, 16, 46),
    "State or territory": (1225, 581, 581, 45, 2070, 275, 1979, 108, 90, 10, 80, 35, 75),
    "Tribal": (237, 204, 267, 16, 830, 49, 753, 38, 60, 3, 57, 0, 54),
}
SPECS = {spec.name: spec for spec in MAIL_DOMAIN_TABLES}


def printed_by_the_program(path: Path) -> Iterator[tuple[str, str, float]]:
    """Group, quantity and value."""
    group = "all"
    for line in path.read_text().splitlines():
        if line.startswith("Type:"):
            group = line.partition(":")[2].strip()
        elif line.startswith("\t"):
            name, _, value = line.strip().rpartition(":")
            number = float(value.replace("%", ""))
            yield group, PRINTED[name], number / 100 if "%" in value else number


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    published = Path(__file__).resolve().parents[4] / "shared" / "data" / "mss"
    if not published.is_dir():
        pytest.skip(f"no data made by others at {published}")
    domains = {"list": str(published / "registry-gov.csv"), "home_country": "US"}
    study = Study(tmp_path_factory.mktemp("gov"), Settings.model_validate({"domains": domains}))
    imported = import_mss(study, published / "US")
    assert (imported.domains, imported.exchanges, imported.addresses) == (9850, 13894, 2246)
    assert (imported.rejected, imported.passed_over) == (0, 0)
    return gather(Dataset(study.data))


def table(evidence: Evidence, name: str, **where: object) -> list[Mapping[str, Any]]:
    rows = rows_of(SPECS[name], evidence).to_pylist()
    return [row for row in rows if all(row[column] == value for column, value in where.items())]


def one(evidence: Evidence, name: str, **where: object) -> Mapping[str, Any]:
    (row,) = table(evidence, name, **where)
    return row


def totals(evidence: Evidence, column: str, group: str = "all") -> dict[str, Any]:
    return {row["quantity"]: row[column] for row in table(evidence, "mail_totals", group=group)}


def test_every_total_that_the_program_printed_comes_out(evidence: Evidence, shared_data: Path) -> None:
    printed = list(printed_by_the_program(shared_data / "mss/US/output_summary_and_city.txt"))
    assert len(printed) == 2 * len(QUANTITIES) == 30
    for group, quantity, value in printed:
        assert totals(evidence, "as_published", group)[quantity] == pytest.approx(value, abs=1e-12), (
            group,
            quantity,
        )
    for row in table(evidence, "mail_totals"):
        assert (row["published"] is None) == (row["group"] not in ("all", "City"))
        assert row["published"] in (None, pytest.approx(row["as_published"]))


@pytest.mark.parametrize("group", OTHER_GROUPS)
def test_the_totals_of_the_other_groups_come_out(evidence: Evidence, group: str) -> None:
    found = totals(evidence, "as_published", group)
    counted = [name for name in found if not name.endswith("_share")]
    assert tuple(found[name] for name in counted) == OTHER_GROUPS[group]


def test_what_each_total_becomes_when_names_addresses_and_places_are_counted(evidence: Evidence) -> None:
    ours = totals(evidence, "ours")
    assert {name: ours[name] for name in ours if "party" not in name} == {
        "domains": 9850,
        "domains_with_mx": 7386,  # 9 null MX and 5 broken ones less
        "exchanges": 7451,  # letter case ignored; `.`, IP literals and impossible names are none
        "exchanges_failed": 181,
        "domestic_rows": 2156,
        "foreign_rows": 87,
        "locations": 509,  # anycast addresses have none
        "foreign_locations": 19,
        "domestic_locations": 490,
        "anycast_rows": 36,
        "ases": 446,
    }


def test_a_null_mx_is_no_mail_server_and_a_broken_one_is_none_either(evidence: Evidence) -> None:
    states = {row["mail"]: row["domains"] for row in table(evidence, "mail_states", group="all")}
    assert states == {"mx": 7386, "unknown": 2450, "null_mx": 9, "broken": 5}
    kinds = {row["state"]: row["records"] for row in table(evidence, "exchange_states", group="all")}
    assert (kinds["null_mx"], kinds["ip_literal"]) == (9, 1)
    assert sum(kinds.values()) == 13894


def test_names_meet_whatever_their_letter_case(evidence: Evidence) -> None:
    dns = evidence.dataset.table("dns")
    capital = dns.filter((dns.type == "MX") & dns.rdata.join(" ").contains("ASPMX.L.GOOGLE.COM."))
    domain = capital.name.min().to_pyarrow().as_py()
    mx = evidence.dataset.table("mx")
    (row,) = mx.filter((mx.domain == domain) & (mx.exchange == "aspmx.l.google.com")).to_pyarrow().to_pylist()
    assert (row["state"], bool(row["addresses"])) == ("ok", True)


def test_private_addresses_are_no_servers_and_have_no_place(evidence: Evidence) -> None:
    hosts = {row["ip"]: row for row in evidence.dataset.table("hosts").to_pyarrow().to_pylist()}
    for ip in ("127.0.0.1", "10.10.10.43"):
        assert all(hosts[ip][name] is None for name in ("country", "latitude", "asn", "anycast"))
    units = {row["unit"] for row in table(evidence, "shared_fate", level="address")}
    assert not units & {"127.0.0.1", "10.10.10.43"}


def test_254_are_rows_and_36_are_addresses(evidence: Evidence) -> None:
    row = one(evidence, "anycast_use", group="all")
    assert [row[name] for name in ("rows", "anycast", "exchanges", "domains_any", "domains_only")] == [
        254, 36, 34, 77, 68,
    ]  # fmt: skip


def test_the_lowest_preference_is_tried_first(evidence: Evidence) -> None:
    mx = evidence.dataset.table("mx")
    records = mx.filter(mx.domain == "aberdeenmd.gov").order_by("preference").to_pyarrow().to_pylist()
    assert [(row["preference"], row["exchange"][:9]) for row in records] == [
        (10, "d231943a."),
        (20, "d231943b."),
    ]
    first = one(evidence, "preference_ranks", group="all", rank=1)
    assert (first["exchanges"], first["counted_from_last"]) == (8517, 9130)


def test_of_the_papers_figures_these_come_out(evidence: Evidence) -> None:
    def units(level: str, count: int) -> Mapping[str, Any]:
        return one(evidence, "redundancy", group="all", level=level, units=count)

    assert round(units("location", 2)["at_least_share"], 2) == 0.70  # 69 % published
    assert round(units("location", 3)["at_least_share"], 2) == 0.50
    assert round(units("as", 1)["at_most_share"], 2) in (0.87, 0.88)
    several = table(evidence, "redundancy", group="all", level="location")
    assert max(row["units"] for row in several) == 8  # 7 published
    assert round(totals(evidence, "as_published")["third_party_share"], 2) == 0.85


def test_foreign_countries_of_the_data_are_these_and_denmark_is_none(evidence: Evidence) -> None:
    row = one(evidence, "mail_abroad", group="all")
    assert row["countries"] == ["AT", "CA", "CL", "DE", "FR", "HK", "IE", "IS", "KR", "NL", "SG"]
    assert (row["any_abroad"], row["locations"], row["domains"]) == (685, 19, 7300)


def test_every_value_of_the_paper_has_a_row_of_ours(evidence: Evidence) -> None:
    for value in published_values():
        if value.paper == "Hayes 2024":
            assert one(evidence, value.table, **value.row)[value.column] is not None, value
