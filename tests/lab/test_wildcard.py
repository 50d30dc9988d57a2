"""A lab behind one socket a port, in a network namespace of its own."""

import shutil
import subprocess
import sys

import pytest

_INSIDE = """
import socket
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running

plan = make_plan(seed=1, size=40, block="10.99.0.0/24")
with running(plan, wildcard=True):
    for host in plan.hosts:
        for service in host.services:
            if service.name == "submission":
                with socket.create_connection((host.ip, service.port), timeout=60) as sock:
                    assert sock.recv(1024).decode().strip() == service.greeting, host.ip
    empty = next(f"10.99.0.{n}" for n in range(256) if f"10.99.0.{n}" not in {h.ip for h in plan.hosts})
    try:  # the reset may come before connect has returned
        with socket.create_connection((empty, plan.discovery_port), timeout=60) as sock:
            raise SystemExit(f"somebody is at {empty}: {sock.recv(100)}")
    except ConnectionResetError:
        print("as planned")
"""


@pytest.mark.slow
def test_one_socket_a_port_plays_every_host_of_the_plan() -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rn", "true"], check=False).returncode:
        pytest.skip("no network namespace can be made here")
    setup = "ip link set lo up && ip route add local 10.99.0.0/16 dev lo"
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", f'{setup} && exec "$0" -c "$1"', sys.executable, _INSIDE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "as planned\n"), done.stderr
