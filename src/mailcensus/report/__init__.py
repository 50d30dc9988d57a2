"""What people read: an offline report of pages, tables, figures and drawings."""

from mailcensus.report.build import build_report

__all__ = ["build_report"]
