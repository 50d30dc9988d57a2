"""Who answers: how gently and by what it is found out, and what is looked at before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from mailcensus.study.sections.base import Port, PositiveFloat, PositiveInt, Section

NOISE_PORTS = (1337, 7583, 46721, 58976, 65322)
"""Arbitrary ports: those of the study of 2018 that we reproduce, where 0.07 to 0.1 % of addresses answered."""
Engine = Literal["connect", "zmap", "masscan"]


class PolitenessSection(Section):
    """How gently to ask. Every connection of every stage passes these limits."""

    connections_per_s: PositiveFloat = Field(
        147.0, description="new connections a second over everything (the rate of the study we reproduce)"
    )
    prefix_connections_per_s: PositiveFloat = Field(
        2.0, description="new connections a second to one /24 (IPv4) or /48 (IPv6)"
    )
    prefix_connections: PositiveInt = Field(8, description="open connections to one /24 or /48")
    as_connections_per_s: PositiveFloat | None = Field(
        None,
        description="new connections a second to one autonomous system; needs population.as_database",
        examples=[20.0],
    )
    in_flight: PositiveInt = Field(2_000, description="open connections over everything")


class DiscoverySection(Section):
    """Who answers. `politeness.connections_per_s` is the rate of every engine."""

    engine: Engine = Field(
        "connect", description="connect: built in, needs no root; zmap, masscan: the system's own, need root"
    )
    ports: tuple[Port, ...] = Field(
        (25,), description="ports whose listeners are collected from; each address is asked all", min_length=1
    )
    timeout_s: PositiveFloat = Field(5.0, description="connect: how long an address may take to answer")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0,
        description="further tries of who did not answer (connect), or further packets to all (zmap, masscan)",
    )
    retry_pause_s: PositiveFloat = Field(60.0, description="connect: pause before each further try")
    source_port: Port | None = Field(
        None,
        description="zmap, masscan: the port packets come from; unset: as the engine likes",
        examples=[61000],
    )
    interface: str | None = Field(
        None, description="zmap, masscan: network interface; unset: that of the route", examples=["eth0"]
    )
    gateway_mac: str | None = Field(
        None,
        description="zmap, masscan: Ethernet address of the gateway; unset: that of the route",
        examples=["00:00:5e:00:53:01"],
        pattern="^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$",
    )
    cooldown_s: Annotated[int, Field(ge=1)] = Field(
        8, description="zmap, masscan: how long to wait for answers after the last packet of a slice"
    )
    slice_s: PositiveFloat = Field(
        300.0,
        description="zmap, masscan: the sweep is cut into slices of about this length; a killed one is repeated",
    )

    @field_validator("ports")
    @classmethod
    def _each_port_once(cls, ports: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(ports)) < len(ports):
            raise ValueError("a port stands there twice; leave one")
        return ports

    @model_validator(mode="before")
    @classmethod
    def _port_became_ports(cls, told: object) -> object:
        if isinstance(told, dict) and "port" in told:
            raise ValueError(f"port is ports now, a list; write: ports = [{told['port']}]")
        return told


class CanariesSection(Section):
    """Known responders mixed into discovery: they tell an empty population from a vantage that cannot see."""

    hosts: tuple[str, ...] = Field(
        (),
        description='addresses known to answer, each "address" or "address:port" ("[address]:port" for IPv6)',
    )
    file: Path | None = Field(
        None, description="file of more of them, one a line, # comments", examples=["canaries.txt"]
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.001, description="canaries asked, as a share of the addresses asked: 0.001 is one for each 1,000"
    )
    silent_after: PositiveInt = Field(
        3, description="the run pauses when so many questions in a row were not answered, nor any canary then"
    )
    rest_s: PositiveFloat = Field(
        5.0, description="between two questions to one canary, at least; due earlier, it is passed over"
    )
    retry_s: PositiveFloat = Field(
        60.0, description="during a pause every canary is asked once in so many seconds"
    )


class PreflightSection(Section):
    """What is looked at before a run begins."""

    responders: tuple[str, ...] = Field(
        (),
        description="addresses that answer on the discovery port, as in canaries.hosts; without any, the canaries",
    )
    addresses: tuple[str, ...] = Field(
        (), description="our own public addresses; without any, those of this machine's routes"
    )
    resolvers: tuple[str, ...] = Field(
        (), description='DNS resolvers, each "address" or "address:port"; without any, those of the system'
    )


class NoiseSection(Section):
    """How many addresses answer on any port at all (middleboxes, tarpits), so that hits can be set right."""

    ports: tuple[Port, ...] = Field(
        (), description="ports on which hardly anybody listens; none: not measured", examples=[NOISE_PORTS]
    )
    sample: PositiveInt = Field(
        10_000, description="addresses of the population to ask on all these ports, drawn at random"
    )
    seed: int = Field(1337, description="seed of the draw", ge=0)
    check_hits: bool = Field(
        False,
        description="ask the hits on these ports too, until one does not answer, and mark those that answer all",
    )
