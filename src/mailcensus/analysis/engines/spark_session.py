"""A session of Apache Spark: the Java process that is started for it, and its end, after which nothing is left.

On this machine it listens on loopback alone, has no web page, and keeps what it spills in a folder that goes with it.
What it prints is kept from the terminal; its last error is what a failure says.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from mailcensus.analysis.engines.java import check_java
from mailcensus.study import StudyError

HERE = "spark"
"""`--backend spark`: on this machine, all its cores."""
_MEMORY = "2g"
"""Of the Java process' heap; the environment's SPARK_DRIVER_MEMORY, as Spark calls it, says otherwise."""
_ASKED_FOR = {"spark.sql.execution.arrow.maxRecordsPerBatch": "100000"}
"""Each batch of rows that goes there is a partition: Spark's 10,000 would make a hundred of a million hosts."""
_ASKED_FOR_HERE = {"spark.sql.shuffle.partitions": "4"}
"""Spark's 200 are for clusters, and cost a second a query here."""
_END_SECONDS = 30
_LOGGING = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %m%n
"""
"""Errors alone, in the words of Log4j 2."""


class Session:
    """A session and its Java process.

    Attributes:
        spark: the session.
    """

    def __init__(self, backend: str, folder: Path) -> None:
        """Start Java and connect.

        Args:
            backend: `spark`, or the URL of a cluster's master (spark://host:port).
            folder: for what is spilled; empty, and gone after the session.
        Raises:
            StudyError: no Java, one that is too old, or the master cannot be reached.
        """
        check_java()
        logging = folder / "log4j2.properties"
        logging.write_text(_LOGGING)
        conf = SparkConf(loadDefaults=False).setAll(_settings(backend, folder, logging).items())
        self._said = folder / "said"
        before = signal.getsignal(signal.SIGINT)
        try:
            with self._said.open("wb") as said:
                self._gateway = launch_gateway(conf, {"stdout": said, "stderr": said})
            self.spark = SparkSession(SparkContext(gateway=self._gateway, conf=conf))
            self._set_where_nobody_has(_ASKED_FOR)
            if backend == HERE:
                self._set_where_nobody_has(_ASKED_FOR_HERE)
        except (PySparkException, Py4JError) as error:
            self._end_java()
            raise StudyError(f"--backend {backend}: Spark did not start: {self._why(error)}") from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)  # Spark's own would go on asking a session that has ended

    def _set_where_nobody_has(self, settings: dict[str, str]) -> None:
        """Set what spark-defaults.conf does not."""
        theirs = self.spark.sparkContext.getConf()
        for name, value in settings.items():
            if theirs.get(name) is None:
                self.spark.conf.set(name, value)

    def close(self) -> None:
        """Stop the session and its Java process."""
        self.spark.stop()
        self._end_java()

    def _end_java(self) -> None:
        SparkContext._gateway = SparkContext._jvm = None  # or the next session would look for this process
        gateway = getattr(self, "_gateway", None)
        if gateway is None:
            return
        process: subprocess.Popen[bytes] = gateway.proc
        gateway.shutdown()
        assert process.stdin is not None
        process.stdin.close()  # at which it ends
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _why(self, error: BaseException) -> str:
        said = [line for line in self._said.read_text(errors="replace").splitlines() if line.strip()]
        return one_line(said[-1] if said else error)


def _settings(backend: str, folder: Path, logging: Path) -> dict[str, str]:
    on_loopback = {
        "spark.master": "local[*]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    return {
        **(on_loopback if backend == HERE else {"spark.master": backend}),
        "spark.app.name": "mailcensus",
        "spark.driver.memory": os.environ.get("SPARK_DRIVER_MEMORY", _MEMORY),
        "spark.driver.defaultJavaOptions": f"-Djava.io.tmpdir={folder} -Dlog4j2.configurationFile={logging}",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # As in DuckDB: what cannot be is null.
        "spark.sql.ansi.enabled": "false",
        "spark.sql.legacy.sizeOfNull": "false",
    }


def one_line(error: Any) -> str:
    """The first line of what went wrong, which of Java's goes on for pages."""
    return str(error).strip().partition("\n")[0].strip() or type(error).__name__
