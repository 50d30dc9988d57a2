"""The rule of the published .gov study, for comparison: names alone, by words that they hold.

An exchange is a third party's where its name, or the reverse name of its address, holds one of a few words; else the
first party's where one of both ends in `.gov`; else unknown. Whoever serves a town from a `.gov` of its own counts as
the town itself, and whoever is not among the words as unknown.

Source: github.com/hongZhou443/MSS, `scripts/analysis.py` of March 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailcensus.model import Party

WORDS = (
    "google", "microsoft", "amazon", "aws", "cloudflare", "outlook", "mimecast", "barracuda", "ppe-hosted",
    "pphosted", "antispamcloud", "antispameurope", "sophos", "zoho", "spamexperts", "everycloudtech",
    "chillidoghosting", "hornetsecurity", "mailhop", "migadu", "cloudmails", "comodo", "frontbridge",
)  # fmt: skip
_WORD = re.compile("|".join(WORDS), re.IGNORECASE)
_GOV = re.compile(r"\.gov\.?$")


def name_rule(exchange: str, reverse_names: Iterable[str] = ()) -> Party:
    """What that rule says of an exchange."""
    names = [exchange, *reverse_names]
    if any(_WORD.search(name) for name in names):
        return Party.THIRD
    return Party.FIRST if any(_GOV.search(name) for name in names) else Party.UNKNOWN
