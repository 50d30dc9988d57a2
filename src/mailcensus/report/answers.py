"""Further answers of the first page, out of other tables than the summary."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mailcensus.report.cells import percent
from mailcensus.report.summary import Sentence

ALL = "all"
"""The row of a table that counts everybody together."""
_NEVER_CLEAR = frozenset({"encrypt", "encrypt_or_refuse", "refuse"})
"""What a careful sender does, where that is not a message in the clear."""
_VERDICTS = {
    "open": "this vantage could see",
    "open_so_far": "this vantage has been able to see so far",
    "blind": "this vantage cannot see",
    "cannot_tell": "whether this vantage could see, nobody can tell",
}


def answers(tables: Mapping[str, pa.Table]) -> list[Sentence]:
    """Weak keys and what the canaries say; nothing about what was not looked at."""
    made = (_weak(tables), _canaries(tables["vantage_verdict"]))
    return [sentence for sentence in made if sentence is not None]


def answers_beside_hosts(tables: Mapping[str, pa.Table]) -> list[Sentence]:
    """What domains, captures and senders say; nothing of what the study has not."""
    made = (
        _domains(tables["mail_states"]),
        _abroad(tables["mail_abroad"]),
        _passive(tables["passive_services"]),
        _senders(tables["sender_conditions_summary"]),
    )
    return [sentence for sentence in made if sentence is not None]


def _weak(tables: Mapping[str, pa.Table]) -> Sentence | None:
    checked = max((n for n in tables["key_findings"]["keys_checked"].to_pylist() if n is not None), default=0)
    if not checked:
        return None
    severities = tables["weak_keys"]["severity"].to_pylist()
    bad, weak = severities.count("compromised"), severities.count("weak")
    of = f" of {checked:,} keys looked at"
    if not bad:
        return Sentence(f"Anybody can have the private half of none{of}; ", f"{weak:,}", " are weak.")
    return Sentence(
        "Anybody can have the private half of ", f"{bad:,}{of}", f"; {weak:,} more are weak.", serious=True
    )


def _domains(states: pa.Table) -> Sentence | None:
    """Of all domains: those that say where their mail goes."""
    rows = [row for row in states.to_pylist() if row["group"] == ALL]
    if not rows or not rows[0]["of"]:
        return None
    with_mx = sum(row["domains"] for row in rows if row["mail"] == "mx")
    of = rows[0]["of"]
    return Sentence(
        "", f"{with_mx:,} of {of:,} domains", f" of the list ({percent(with_mx / of)}) name exchanges."
    )


def _abroad(abroad: pa.Table) -> Sentence | None:
    row = next((row for row in abroad.to_pylist() if row["group"] == ALL), None)
    if row is None or not row["domains"] or row["any_abroad"] is None:
        return None
    known = f" whose servers' country is known ({percent(row['any_abroad'] / row['domains'])})"
    return Sentence(
        "", f"{row['any_abroad']:,} of {row['domains']:,} domains", f"{known} have one in another country."
    )


def _passive(services: pa.Table) -> Sentence | None:
    row = next((row for row in services.to_pylist() if row["service"] == ALL), None)
    if row is None or not row["tls_connections_known"]:
        return None
    share = f"{row['tls_connections']:,} of {row['tls_connections_known']:,} connections"
    return Sentence(
        "", share, f" of others ({percent(row['tls_share'])}), of which it is known, were behind TLS."
    )


def _senders(conditions: pa.Table) -> Sentence | None:
    """The condition in which most senders gave mail away in the clear, of those where a careful one does not."""
    judged = [row for row in conditions.to_pylist() if row["should"] in _NEVER_CLEAR]
    rows = [row for row in judged if row["senders"] and row["delivered_clear"]]
    if not rows:
        seen = max((row["senders"] or 0 for row in judged), default=0)
        words = "Where careful senders do not, none delivered in the clear: "
        return Sentence(words, f"{seen:,} watched", ".") if seen else None
    worst = max(rows, key=lambda row: (row["delivered_clear"] / row["senders"], row["senders"]))
    of = f"{worst['delivered_clear']:,} of {worst['senders']:,} senders"
    return Sentence("", of, f" delivered in the clear where careful senders do not: {worst['title']}.")


def _canaries(verdict: pa.Table) -> Sentence | None:
    (row,) = verdict.to_pylist()
    if not row["canaries"]:
        return Sentence("There were no canaries: ", _VERDICTS["cannot_tell"], ".")
    share = f"canaries answered {row['answered']:,} of {row['asks']:,} questions"
    return Sentence("", _capital(_VERDICTS[row["verdict"]]), f": {share}.", serious=row["verdict"] == "blind")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
