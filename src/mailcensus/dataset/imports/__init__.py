"""Results of other tools as rows of ours: zmap, masscan, nmap, zgrab2; and of a published study of mail domains."""

from mailcensus.dataset.imports.importing import FORMATS, Imported, import_file
from mailcensus.dataset.imports.mss import ImportedMail, import_mss

__all__ = ["FORMATS", "Imported", "ImportedMail", "import_file", "import_mss"]
