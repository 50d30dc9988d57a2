"""The published files of a study of mail domains become a run, and what they do not say stays unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.imports import import_mss
from mailcensus.dataset.imports.mss_files import (
    AddressLine,
    MxLine,
    PlaceLine,
    read_addresses,
    read_mx,
    read_places,
)
from mailcensus.dataset.imports.rows import Reject
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings, Study, StudyError

MX = """queried,exchange,preference,class,type
a.gov,MX1.A.gov.,10,IN,MX
a.gov,mx2.a.gov.,20,IN,MX
b.gov,mx1.a.gov.,5,IN,MX
c.gov,.,0,IN,MX
d.gov,192.0.2.1.,0,IN,MX
d.gov,mx\\032.d.gov.,0,IN,MX
other.gov,mx1.a.gov.,5,IN,MX
e.gov,mx.e.gov.,much,IN,MX
e.gov,short
"""
IP = """,queried,a_record,asn
0,MX1.A.gov.,198.51.100.1,64500
1,MX1.A.gov.,10.10.10.43,0
2,mx2.a.gov.,nowhere,64500
"""
GEO = """,ip,hostname,city,region,country,loc,org,latitude,longitude,anycast,bogon
0,198.51.100.1,MX.Provider.example,Des Moines,Iowa,US,"41.6,-93.6",AS64500 Provider Inc.,41.6,-93.6,,
1,10.10.10.43,,,,,,,,,,True
2,198.51.100.9,,X,Y,USA,,,1,1,,
"""
LIST = "Domain name,Domain type\nA.gov,City\nb.gov,County\nc.gov,City\nd.gov,City\ne.gov,City\n"


def files_in(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    named = {"mx_records.csv": MX, "mx_ip.csv": IP, "ipinfo_mx_geo.csv": GEO} | texts
    for name, text in named.items():
        (folder / name).write_text(text)
    return folder


def study_in(folder: Path) -> Study:
    (folder / "list.csv").write_text(LIST)
    return Study(folder, Settings.model_validate({"domains": {"list": "list.csv"}}))


def rows(study: Study, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Dataset(study.data).table(table).to_pyarrow().to_pylist()
    return found


def test_domains_keep_their_groups_and_say_where_mail_goes(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    imported = import_mss(study, files_in(tmp_path / "US"))
    assert (imported.domains, imported.exchanges, imported.addresses) == (5, 6, 2)
    assert (imported.passed_over, imported.rejected) == (1, 4)
    found = {row["domain"]: row for row in rows(study, "domains")}
    assert {name: row["mail"] for name, row in found.items()} == {
        "a.gov": "mx", "b.gov": "mx", "c.gov": "null_mx", "d.gov": "broken", "e.gov": "unknown",
    }  # fmt: skip
    assert dict(found["a.gov"]["groups"])["Domain type"] == "City"
    assert (found["a.gov"]["as_given"], found["a.gov"]["source"]) == ("A.gov", "mss")


def test_exchanges_meet_whatever_their_letter_case_and_keep_their_state(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    import_mss(study, files_in(tmp_path / "US"))
    states = {(row["domain"], row["exchange"]): (row["state"], row["addresses"]) for row in rows(study, "mx")}
    assert states == {
        ("a.gov", "mx1.a.gov"): ("ok", ["198.51.100.1", "10.10.10.43"]),
        ("a.gov", "mx2.a.gov"): ("unknown", []),
        ("b.gov", "mx1.a.gov"): ("ok", ["198.51.100.1", "10.10.10.43"]),
        ("c.gov", "."): ("null_mx", []),
        ("d.gov", "192.0.2.1"): ("ip_literal", []),
        ("d.gov", "mx\\032.d.gov"): ("invalid", []),
    }
    spelled = {row["name"]: row["rdata"] for row in rows(study, "dns") if row["type"] == "MX"}
    assert spelled["a.gov"] == ["10 MX1.A.gov.", "20 mx2.a.gov."]


def test_hosts_say_what_the_files_say_and_nothing_more(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    import_mss(study, files_in(tmp_path / "US"))
    hosts = {row["ip"]: row for row in rows(study, "hosts")}
    known, private = hosts["198.51.100.1"], hosts["10.10.10.43"]
    assert [known[name] for name in ("country", "city", "latitude", "asn", "as_org", "anycast")] == [
        "US", "Des Moines", 41.6, 64500, "Provider Inc.", False,
    ]  # fmt: skip
    assert (known["ptr"], known["ptr_confirmed"]) == ("mx.provider.example", None)
    assert {private[name] for name in ("country", "latitude", "asn", "anycast", "ptr", "as_source")} == {None}


def test_the_same_files_again_change_nothing(tmp_path: Path) -> None:
    study, folder = study_in(tmp_path), files_in(tmp_path / "US")
    first, again = import_mss(study, folder), import_mss(study, folder)
    assert (first.already, again.already, again.run_id) == (False, True, first.run_id)
    assert len(rows(study, "domains")) == 5
    assert len(first.rejects.read_text().splitlines()) == 4


class Killed(BaseException):
    pass


def test_an_import_that_was_killed_goes_on_without_a_row_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder = study_in(tmp_path), files_in(tmp_path / "US")

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr("mailcensus.dataset.imports.mss.import_row", killed)
        with pytest.raises(Killed):
            import_mss(study, folder)
    imported = import_mss(study, folder)
    assert {name: len(rows(study, name)) for name in ("domains", "mx", "hosts", "runs")} == {
        "domains": 5, "mx": 6, "hosts": 2, "runs": 1,
    }  # fmt: skip
    assert {row["run_id"] for row in rows(study, "mx")} == {imported.run_id}


def test_without_a_list_the_domains_are_those_with_an_mx_record(tmp_path: Path) -> None:
    study = Study(tmp_path, Settings())
    assert import_mss(study, files_in(tmp_path / "US")).domains == 5
    assert [row["domain"] for row in rows(study, "domains")] == [
        "a.gov",
        "b.gov",
        "c.gov",
        "d.gov",
        "other.gov",
    ]


def test_places_may_be_missing(tmp_path: Path) -> None:
    folder = files_in(tmp_path / "US")
    (folder / "ipinfo_mx_geo.csv").unlink()
    study = study_in(tmp_path)
    import_mss(study, folder)
    assert {row["country"] for row in rows(study, "hosts")} == {None}


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("mx_records.csv", "a,b\n", r"mx_records.csv: line 1 has no column queried, exchange, preference"),
        ("mx_records.csv", "queried,exchange,preference\n", r"no row of it can be read"),
        ("mx_ip.csv", "", r"mx_ip.csv: line 1 has no column"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path: Path, name: str, text: str, wrong: str) -> None:
    with pytest.raises(StudyError, match=wrong):
        import_mss(study_in(tmp_path), files_in(tmp_path / "US", **{name: text}))
    with pytest.raises(StudyError, match="name the directory that holds"):
        import_mss(study_in(tmp_path), tmp_path / "nowhere")


@settings(max_examples=40)
@given(st.binary(max_size=200), st.sampled_from([MX, IP, GEO]))
def test_any_bytes_give_rows_or_rejects(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, form: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(form.partition("\n")[0].encode() + b"\n" + content)
    reader = {MX: read_mx, IP: read_addresses, GEO: read_places}[form]
    assert all(isinstance(row, MxLine | AddressLine | PlaceLine | Reject) for row in reader(path))
