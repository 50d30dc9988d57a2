"""Coverage-guided fuzzing of everything that reads a peer's bytes (`make fuzz`), and the corpus it has found.

Any bytes give findings or an outcome, never another exception, in bounded time and memory; and the same bytes cut
anywhere give the same result. A unit test runs the corpus, so what was found once stays found.
"""
