"""A campaign of faults: what may happen to a study happens to it, and then its dataset and the lab's log are read.

    PYTHONPATH=tests python -m torture --help

docs/reliability.md says what is done and what must hold after it.
"""
