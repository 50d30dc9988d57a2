"""What a study recorded, in the forms of other programs."""

from mailcensus.dataset.exports.records import export_csv, export_json_lines
from mailcensus.dataset.exports.rows import run_to_export
from mailcensus.dataset.exports.zgrab2 import Exported, export_zgrab2

__all__ = ["Exported", "export_csv", "export_json_lines", "export_zgrab2", "run_to_export"]
