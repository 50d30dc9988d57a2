"""Further answers of the first page, out of other tables than the summary."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from mailcensus.report.summary import Sentence

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


def _canaries(verdict: pa.Table) -> Sentence | None:
    (row,) = verdict.to_pylist()
    if not row["canaries"]:
        return Sentence("There were no canaries: ", _VERDICTS["cannot_tell"], ".")
    share = f"canaries answered {row['answered']:,} of {row['asks']:,} questions"
    return Sentence("", _capital(_VERDICTS[row["verdict"]]), f": {share}.", serious=row["verdict"] == "blind")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
