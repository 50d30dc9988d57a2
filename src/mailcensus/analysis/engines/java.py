"""The Java that Spark would start."""

from __future__ import annotations

import os
import re
import subprocess

from mailcensus.study import StudyError

OLDEST_JAVA = 17
"""Spark 4's."""


def check_java() -> None:
    """Whether the Java that Spark would start will do: JAVA_HOME's, else the first on PATH.

    Raises:
        StudyError: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    try:
        said = subprocess.run(
            [java, "-version"], capture_output=True, text=True, errors="replace", timeout=60
        )
    except OSError:
        where = f"JAVA_HOME is {home}, where there is none" if home else "none is on PATH"
        raise StudyError(
            f"--backend spark: it needs Java {OLDEST_JAVA} or newer, and {where}; "
            "Debian: apt-get install default-jre-headless"
        ) from None
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < OLDEST_JAVA:
        is_version = f"is version {found[1]}" if found else "does not say its version"
        raise StudyError(
            f"--backend spark: it needs Java {OLDEST_JAVA} or newer; {java} {is_version}; set JAVA_HOME"
        )
