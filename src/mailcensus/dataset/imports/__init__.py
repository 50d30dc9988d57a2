"""Results of other tools as rows of ours: zmap, masscan, nmap, zgrab2."""

from mailcensus.dataset.imports.importing import FORMATS, Imported, import_file

__all__ = ["FORMATS", "Imported", "import_file"]
