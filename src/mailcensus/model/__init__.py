"""What we record: frozen, typed records and their Arrow schemas. No I/O; imports nothing of ours."""

from mailcensus.model.chain import Chain, ChainError, ChainStatus
from mailcensus.model.column import Column, Field, fields_of, schema_of
from mailcensus.model.domain import (
    AnswerState,
    Caa,
    Dmarc,
    DnsAnswer,
    DnssecState,
    Domain,
    ExchangeState,
    MailState,
    MtaSts,
    Mx,
    PolicyState,
    Spf,
    Tlsa,
    TlsReporting,
)
from mailcensus.model.exclusion import Exclusion
from mailcensus.model.flow import (
    ClientHello,
    Count,
    Flow,
    FlowReader,
    FlowSource,
    Sides,
    SshAgreed,
    SshClient,
)
from mailcensus.model.followup import Enumeration, Followup
from mailcensus.model.grab import Grab, Http, Ssh, SshHostKey, Tls
from mailcensus.model.host import DnsState, Host
from mailcensus.model.key import Certificate, Key
from mailcensus.model.key_finding import KeyCheck, KeyFinding
from mailcensus.model.noise import Noise
from mailcensus.model.observation import Observation
from mailcensus.model.outcome import Outcome, Stage, TlsMode
from mailcensus.model.politeness import SentInAll, SentToNetwork
from mailcensus.model.provider import DomainProvider, Evidence, EvidenceKind, MxProvider, Party, Role
from mailcensus.model.recheck import Recheck, RecheckVerdict
from mailcensus.model.run import Hit, Run
from mailcensus.model.vantage import CanaryAsk, Pause, PreflightCheck, Verdict

TABLES: dict[str, type] = {
    "hits": Hit,
    "grabs": Grab,
    "certificates": Certificate,
    "keys": Key,
    "key_findings": KeyFinding,
    "key_checks": KeyCheck,
    "chains": Chain,
    "followups": Followup,
    "enumerations": Enumeration,
    "hosts": Host,
    "mx_providers": MxProvider,
    "domain_providers": DomainProvider,
    "domains": Domain,
    "mx": Mx,
    "dns": DnsAnswer,
    "noise": Noise,
    "exclusions": Exclusion,
    "politeness": SentToNetwork,
    "politeness_peaks": SentInAll,
    "runs": Run,
    "canaries": CanaryAsk,
    "pauses": Pause,
    "preflights": PreflightCheck,
    "rechecks": Recheck,
    "flows": Flow,
    "flow_sources": FlowSource,
}
"""Every table of a dataset and the record that makes its rows."""

__all__ = [
    "TABLES",
    "AnswerState",
    "Caa",
    "CanaryAsk",
    "Certificate",
    "Chain",
    "ChainError",
    "ChainStatus",
    "ClientHello",
    "Column",
    "Count",
    "Dmarc",
    "DnsAnswer",
    "DnsState",
    "DnssecState",
    "Domain",
    "DomainProvider",
    "Enumeration",
    "Evidence",
    "EvidenceKind",
    "ExchangeState",
    "Exclusion",
    "Field",
    "Flow",
    "FlowReader",
    "FlowSource",
    "Followup",
    "Grab",
    "Hit",
    "Host",
    "Http",
    "Key",
    "KeyCheck",
    "KeyFinding",
    "MailState",
    "MtaSts",
    "Mx",
    "MxProvider",
    "Noise",
    "Observation",
    "Outcome",
    "Party",
    "Pause",
    "PolicyState",
    "PreflightCheck",
    "Recheck",
    "RecheckVerdict",
    "Role",
    "Run",
    "SentInAll",
    "SentToNetwork",
    "Sides",
    "Spf",
    "Ssh",
    "SshAgreed",
    "SshClient",
    "SshHostKey",
    "Stage",
    "Tls",
    "TlsMode",
    "TlsReporting",
    "Tlsa",
    "Verdict",
    "fields_of",
    "schema_of",
]
