"""The truth against plans whose truth is plain to see."""

from mailcensus.lab.material import Material
from mailcensus.lab.plan import Cause, Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.readings import READINGS
from mailcensus.lab.truth import Truth, truth_from_json, truth_of
from mailcensus.model import Outcome

A, B, C, D, E = (f"127.10.0.{n}" for n in range(1, 6))


def test_only_hosts_with_the_discovery_port_respond(tiny: Plan) -> None:
    assert truth_of(tiny).responding == (A, B, C, D, E)


def test_sharing_is_followed_over_a_third_host(tiny: Plan) -> None:
    truth = truth_of(tiny)
    assert [cluster.addresses for cluster in truth.clusters] == [(A, B, C)]
    material = Material(tiny)
    assert set(truth.clusters[0].keys) == {material.spki_sha256("key 1"), material.spki_sha256("key 2")}


def test_one_key_on_ssh_and_tls_is_found_with_its_services(tiny: Plan) -> None:
    found = truth_of(tiny).cross_protocol
    assert [(shown.ip, shown.services) for shown in found] == [(D, ("https", "smtp"))]
    assert found[0].spki_sha256 == Material(tiny).spki_sha256("key d")


def test_hark_counts_hosts_in_clusters_among_hosts_with_a_key(tiny: Plan) -> None:
    truth = truth_of(tiny)
    assert (truth.hark_hosts, truth.key_hosts) == (3, 4)


def test_outcomes_are_counted_over_responding_hosts(tiny: Plan) -> None:
    assert truth_of(tiny).outcomes == {
        "ssh": {"ok": 2, "refused": 3},
        "smtp": {"ok": 3, "no_starttls": 2},
        "imap": {"ok": 2, "refused": 3},
        "https": {"ok": 1, "refused": 4},
    }


def test_what_a_service_never_says_is_none(tiny: Plan) -> None:
    services = truth_of(tiny).hosts[C].services
    assert services["ssh"].greeting is None
    assert services["smtp"].starttls_offered is False
    assert services["smtp"].capabilities_after is None
    assert services["imap"].tls_version == "TLSv1.3"


def test_the_truth_survives_json_and_is_the_same_every_time() -> None:
    plan = make_plan(seed=5, size=80)
    truth = truth_of(plan)
    assert truth_from_json(truth.to_json()) == truth
    assert truth_of(plan) == truth


def test_groups_of_a_drawn_plan_are_the_clusters_and_loners_are_in_none() -> None:
    """What each cause means, said once more without following keys: a group is a cluster."""
    plan = make_plan(seed=11, size=200)
    truth = truth_of(plan)
    assert {c.addresses for c in truth.clusters} == _groups_of_two_or_more(plan, truth)


def _groups_of_two_or_more(plan: Plan, truth: Truth) -> set[tuple[str, ...]]:
    sharing = set(READINGS)
    groups: dict[str, list[str]] = {}
    for host in plan.hosts:
        if host.cause in sharing:
            groups.setdefault(host.group, []).append(host.ip)
    return {tuple(addresses) for addresses in groups.values()}


def test_a_rate_limited_service_ends_well_after_more_than_one_attempt() -> None:
    truth = truth_of(make_plan(seed=11, size=200))
    limited = [host for host in truth.hosts.values() if host.cause == Cause.RATE_LIMITED]
    assert limited
    assert {host.services["smtp"].attempts for host in limited} == {2}
    assert {host.services["smtp"].outcome for host in limited} == {Outcome.OK}
