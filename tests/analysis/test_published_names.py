"""Tables by the name of a publication."""

from __future__ import annotations

from mailcensus.analysis.published_names import tables_called


def test_a_table_is_called_by_its_own_name_or_with_dashes() -> None:
    assert tables_called("cluster_sizes") == tables_called("cluster-sizes") == ["cluster_sizes"]


def test_a_number_of_a_publication_is_the_table_whose_caption_says_so() -> None:
    assert "auth_mechanisms" in tables_called("table-viii")
    assert {"tls_versions", "passive_versions"} <= set(tables_called("table-iv"))
    assert "tls_versions" not in tables_called("table-v")


def test_what_nobody_published_is_nothing() -> None:
    assert tables_called("table-xcix") == []
    assert tables_called("no_such_table") == []
