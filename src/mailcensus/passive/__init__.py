"""Listening: captures and the logs of other tools, read by the same `wire` as servers that we ask ourselves."""
