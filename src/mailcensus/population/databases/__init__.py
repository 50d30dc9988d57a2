"""Address databases of every usual format: which country, AS and place an address belongs to, and the reverse."""

from mailcensus.population.databases.opening import open_database
from mailcensus.population.databases.table import (
    AddressFacts,
    AddressTable,
    CountryNetworks,
    Lookup,
    Origin,
    Rejects,
)

__all__ = [
    "AddressFacts",
    "AddressTable",
    "CountryNetworks",
    "Lookup",
    "Origin",
    "Rejects",
    "open_database",
]
