"""Receivers with one thing wrong each, and a record of what every sender does about it."""
