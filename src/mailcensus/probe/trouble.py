"""Which of the troubles of tasks that ran together a run ends with."""

from __future__ import annotations

from mailcensus.study import StudyError


def first_trouble(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What to raise where tasks of ours failed: a run ends with its first trouble, the others met the same one.

    Where one of them is no trouble but a bug, the whole group. (Not `except*`: in Python 3.11.2, which is Debian
    12's, what is raised in there comes out in a group of its own.)
    """
    if errors.split(StudyError)[1] is not None:
        return errors
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
