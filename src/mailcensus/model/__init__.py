"""What we record: frozen, typed records and their Arrow schemas. No I/O; imports nothing of ours."""

from mailcensus.model.chain import Chain, ChainError, ChainStatus
from mailcensus.model.column import Column, Field, fields_of, schema_of
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
    "CanaryAsk",
    "Certificate",
    "Chain",
    "ChainError",
    "ChainStatus",
    "ClientHello",
    "Column",
    "Count",
    "DnsState",
    "Enumeration",
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
    "Noise",
    "Observation",
    "Outcome",
    "Pause",
    "PreflightCheck",
    "Recheck",
    "RecheckVerdict",
    "Run",
    "SentInAll",
    "SentToNetwork",
    "Sides",
    "Ssh",
    "SshAgreed",
    "SshClient",
    "SshHostKey",
    "Stage",
    "Tls",
    "TlsMode",
    "Verdict",
    "fields_of",
    "schema_of",
]
