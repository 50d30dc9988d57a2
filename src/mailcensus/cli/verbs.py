"""How a command ends: the exit status, and one line on stderr instead of a traceback for what users can mend.

A bug of ours stays a traceback (status 1).
"""

from __future__ import annotations

from enum import IntEnum

import typer

from mailcensus.cli.loading import Group
from mailcensus.cli.talk import complain
from mailcensus.probe.descriptors import ran_out
from mailcensus.study import StageFailed, StudyError


class Exit(IntEnum):
    """Exit statuses."""

    DONE = 0
    FAILED = 1
    """The job failed: disk full, out of sockets, a demo that differs from the truth."""
    BAD_INPUT = 2
    INTERRUPTED = 130
    """By Ctrl-C or SIGTERM; what was recorded is on disk."""


class Verbs(Group):
    """All commands, and what becomes of their errors."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except StudyError as error:
            complain(str(error))
            raise typer.Exit(Exit.FAILED if isinstance(error, StageFailed) else Exit.BAD_INPUT) from None
        except KeyboardInterrupt:
            complain("interrupted; run the same command again to go on")
            raise typer.Exit(Exit.INTERRUPTED) from None
        except (OSError, RuntimeError, ExceptionGroup) as error:
            if not ran_out(error):
                raise
            complain(
                "this machine is out of open files; raise the limit (ulimit -n) and run the same command again"
            )
            raise typer.Exit(Exit.FAILED) from None
