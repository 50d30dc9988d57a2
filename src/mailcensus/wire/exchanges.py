"""Which exchange a service needs."""

from __future__ import annotations

from mailcensus.wire.conversation import Conversation
from mailcensus.wire.exchange import Exchange, ExchangeSettings
from mailcensus.wire.services import Service
from mailcensus.wire.ssh.exchange import SshExchange
from mailcensus.wire.tls.shares import KeyPairs


def exchange_for(service: Service, settings: ExchangeSettings, key_pairs: KeyPairs) -> Exchange:
    """A fresh exchange for one grab of a service."""
    if service.dialogue is None:
        return SshExchange(settings, host_key_algorithms=settings.ssh_host_keys)
    return Conversation(service, settings, key_pairs)
