"""Pages for people: explorer, tables, status, summary."""
