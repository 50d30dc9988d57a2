"""A study: its directory and its settings."""

from mailcensus.study.directory import StageFailed, Study, StudyError
from mailcensus.study.settings import Settings

__all__ = ["Settings", "StageFailed", "Study", "StudyError"]
