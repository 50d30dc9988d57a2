"""Zeek's logs as flows: text and JSON, any field order, rotated and compressed sets, versions 3 to 7.

The way of the rows: `opening` gives the bytes of a file in blocks of whole lines, `text_log` and `json_log` make
Arrow tables of them (every column a text, or as JSON has it), `store` gives them their types and holds them in
DuckDB, out of memory where they are many, and `join` makes one flow of the rows that tell of one connection. Nothing
goes line by line but blocks with a bad row.
"""
