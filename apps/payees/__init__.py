"""Verification of Payee: whether the name a payer gave belongs to the IBAN he pays to (SEPA Regulation art. 5c).

Answers for accounts of this bank, asks other banks for theirs, and keeps count, so that nobody reads out who holds
which account.
"""
