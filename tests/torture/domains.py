"""A list of domains, DNS that knows them, and what must be on record of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

from dns_server import NODATA, NameServer, Reply, name_server, records
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings
from mailcensus.study.template import study_toml
from torture.scene import Fault, Scene


@contextmanager
def name_server_of(here: Scene, domains: int) -> Iterator[NameServer]:
    """DNS of `d0.example` and on, whose mail goes to hosts of the lab; the list is written beside the study."""
    hosts = sorted(here.truth.responding)
    answers: dict[str, Reply] = {". SOA": records(". 60 IN SOA a. b. 1 2 3 4 5")}
    for number in range(domains):
        domain, exchange = f"d{number}.example", f"mx.d{number}.example"
        answers[f"{domain} MX"] = records(f"{domain}. 60 IN MX 10 {exchange}.")
        answers[f"{exchange} A"] = records(f"{exchange}. 60 IN A {hosts[number % len(hosts)]}")
        answers[f"{exchange} AAAA"] = NODATA
    (here.directory / "domains.csv").write_text(
        "domain\n" + "".join(f"d{n}.example\n" for n in range(domains))
    )
    with name_server(answers) as server:
        yield server


def domain_sections(here: Scene, resolver: str) -> str:
    """study.toml of the lab's study with that list in place of its addresses."""
    told = tomllib.loads((here.directory / "study.toml").read_text())
    told.pop("facts", None)
    del told["population"]
    told["domains"] = {"list": "domains.csv", "records": ["ns"], "fetch_policies": False}
    told["dns"] = {
        "resolvers": [resolver], "queries_per_s": 1_000.0, "authority_queries_per_s": 1e6, "timeout_s": 1.0,
    }  # fmt: skip
    return study_toml(Settings.model_validate(told))


def check_domains(here: Scene, domains: int) -> None:
    """Every domain stands once, with the one exchange it has and that one's address, and every answer once."""
    dataset = Dataset(here.directory / "data")
    hosts = sorted(here.truth.responding)
    known = {f"d{number}.example": [hosts[number % len(hosts)]] for number in range(domains)}
    names = [row["domain"] for row in dataset.table("domains").to_pyarrow().to_pylist()]
    if sorted(names) != sorted(known):
        raise Fault(f"domains: {len(names)} rows, {len(set(names))} different, of {domains}")
    exchanges = dataset.table("mx").to_pyarrow().to_pylist()
    if len(exchanges) != domains or {row["domain"]: row["addresses"] for row in exchanges} != known:
        raise Fault(f"mx: {len(exchanges)} rows for {domains} domains, or other addresses")
    answers = dataset.table("dns").select("name", "type").to_pyarrow().to_pylist()
    if len(answers) != len({(row["name"], row["type"]) for row in answers}):
        raise Fault("dns: an answer stands twice")
