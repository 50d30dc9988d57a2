"""The rule of names by which the .gov study told third parties from first parties (Hayes 2024, section 4.5).

A server is a third party's if its exchange or its reverse name has one of these words in it, whatever the letter case;
else it is the government's own if one of the two ends in `.gov`; else it is unknown. It is here,
written for a table, so that published numbers can be made again; `facts.providers` judges by evidence.
"""

from __future__ import annotations

import ibis

from mailcensus.facts.providers.name_rule import WORDS

_WORD = "(?i)" + "|".join(WORDS)
_GOVERNMENT = r"\.gov\.?$"


def party_by_name(exchange: ibis.Value, reverse_name: ibis.Value) -> ibis.Value:
    """`third`, `first` or `unknown`, out of an exchange as the record spells it and a reverse name or null."""
    names = (exchange, reverse_name.fill_null(""))
    third = names[0].re_search(_WORD) | names[1].re_search(_WORD)
    first = names[0].re_search(_GOVERNMENT) | names[1].re_search(_GOVERNMENT)
    return ibis.cases((third, "third"), (first, "first"), else_="unknown")
