"""Payment accounts: what bears an IBAN, who holds it, and what may be read of it."""
