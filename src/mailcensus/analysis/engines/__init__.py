"""Other engines than DuckDB under the same analyses: each is a `Dataset` whose tables are held elsewhere."""
