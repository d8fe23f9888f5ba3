"""Files: tables, checksums, locks, provenance, and which code made what."""
