"""Real servers to measure against: at least one for every service of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from places import fresh_network
from realservers.credentials import Credential, Credentials
from realservers.dovecot import dovecot, sasl_socket
from realservers.identity import Authority, Identity, rsa_key
from realservers.inspircd import inspircd
from realservers.nginx import nginx
from realservers.openssh import sshd
from realservers.postfix import postfix
from realservers.process import RunningServer, ServerMissing
from realservers.prosody import prosody

_ADDRESSES = 200
_IN_FLIGHT = 50


@dataclass(frozen=True, slots=True)
class Partner:
    """One service of a server that runs."""

    server: str
    service: str
    addresses: tuple[str, ...]
    port: int

    @property
    def in_flight(self) -> int:
        """A study has one connection at a time to an address."""
        return min(_IN_FLIGHT, len(self.addresses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server runs and what it shows; both keys are RSA of 2,048 bits."""

    directory: Path
    address: str
    more_addresses: tuple[str, ...]
    identity: Identity
    credential: Credential


def partners(directory: Path, stack: ExitStack) -> Iterator[Partner]:
    """Each server with its services, in turn; they run until the stack is closed.

    A server that is not installed is said to be left out. nginx's mail proxy answers on many addresses, the others on
    one.
    """
    identity = Authority(directory).identity("mx.example", rsa_key())
    credential = Credentials(directory / "credentials").get("rsa-2048")
    network = fresh_network()
    for number, (name, start) in enumerate(_SERVERS.items()):
        addresses = tuple(f"{network}.{n}" for n in range(1, _ADDRESSES + 1)) if name == "nginx" else ()
        address = addresses[0] if addresses else f"{network}.{230 + number}"
        place = Place(
            directory=directory / name,
            address=address,
            more_addresses=addresses[1:],
            identity=identity,
            credential=credential,
        )
        try:
            server = stack.enter_context(start(place))
        except ServerMissing as missing:
            print(f"{name:10}left out: {missing}")
            continue
        for service, port in server.ports.items():
            many = addresses and service != "https"
            yield Partner(name, service, addresses if many else (address,), port)


Started = AbstractContextManager[RunningServer]


def _nginx(place: Place) -> Started:
    return nginx(
        place.directory,
        address=place.address,
        host_name="mx.example",
        identity=place.identity,
        more_addresses=place.more_addresses,
    )


def _dovecot(place: Place) -> Started:
    return dovecot(place.directory, address=place.address, identity=place.identity)


def _postfix(place: Place) -> Started:
    return postfix(
        place.directory,
        address=place.address,
        host_name="mx.example",
        identity=place.identity,
        sasl_socket=sasl_socket(place.directory.parent / "dovecot"),
    )


def _inspircd(place: Place) -> Started:
    return inspircd(place.directory, address=place.address, credential=place.credential)


def _prosody(place: Place) -> Started:
    return prosody(place.directory, address=place.address, credential=place.credential)


def _openssh(place: Place) -> Started:
    return sshd(place.directory, address=place.address, host_keys={"rsa": rsa_key()})


_SERVERS: dict[str, Callable[[Place], Started]] = {
    "nginx": _nginx,
    "dovecot": _dovecot,  # before Postfix, which authenticates there
    "postfix": _postfix,
    "inspircd": _inspircd,
    "prosody": _prosody,
    "openssh": _openssh,
}
