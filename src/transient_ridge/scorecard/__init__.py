"""The paper's claims: measurements, statements, verdicts."""
