"""Plans drawn from a seed."""

import ipaddress
from collections import defaultdict

import pytest

from mailcensus.lab.plan import Cause, HostPlan, Plan, plan_from_json
from mailcensus.lab.population import make_plan
from mailcensus.study import StudyError


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(seed=3, size=300)


def groups(plan: Plan, cause: Cause) -> list[list[HostPlan]]:
    found = defaultdict(list)
    for host in plan.hosts:
        if host.cause is cause:
            found[host.group].append(host)
    assert found, f"no {cause} in the plan"
    return list(found.values())


def test_the_same_seed_gives_the_same_plan_and_another_seed_another(plan: Plan) -> None:
    assert make_plan(seed=3, size=300) == plan
    assert make_plan(seed=4, size=300).hosts != plan.hosts


def test_a_plan_survives_json(plan: Plan) -> None:
    assert plan_from_json(plan.to_json()) == plan


@pytest.mark.parametrize("size", [1, 2, 5, 17, 256])
def test_a_plan_has_as_many_hosts_as_asked_each_at_its_own_address_of_the_block(size: int) -> None:
    plan = make_plan(seed=1, size=size, block="127.9.0.0/24")
    addresses = [ipaddress.ip_address(host.ip) for host in plan.hosts]
    assert len(set(addresses)) == size
    assert all(address in ipaddress.ip_network("127.9.0.0/24") for address in addresses)


def test_every_cause_occurs_in_a_plan_of_some_size(plan: Plan) -> None:
    assert {host.cause for host in plan.hosts} == set(Cause)


def test_the_addresses_of_one_machine_are_adjacent_and_show_the_same(plan: Plan) -> None:
    for machine in groups(plan, Cause.MACHINE):
        numbers = [int(ipaddress.ip_address(host.ip)) for host in machine]
        assert numbers == list(range(numbers[0], numbers[0] + len(machine)))
        assert len({host.services for host in machine}) == 1


def test_clones_share_the_ssh_host_key_and_load_balanced_hosts_do_not(plan: Plan) -> None:
    for group in groups(plan, Cause.CLONE):
        assert len({s.host_key for host in group for s in host.services if s.name == "ssh"}) == 1
    for group in groups(plan, Cause.LOAD_BALANCED):
        assert len({s.host_key for host in group for s in host.services if s.name == "ssh"}) == len(group)
        assert len({s.certificate for host in group for s in host.services if s.name == "smtp"}) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 17, "block": "127.9.0.0/28"}, "only 16 addresses"),
        ({"size": 0}, "at least one host"),
        ({"block": "127.9.0.1/24"}, "host bits set"),
        ({"block": "loopback"}, "write an IPv4 prefix"),
        ({"port_offset": 65_000}, "port offset 65000"),
    ],
)
def test_bad_arguments_get_one_clear_line(arguments: dict[str, int | str], words: str) -> None:
    with pytest.raises(StudyError, match=words) as raised:
        make_plan(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
