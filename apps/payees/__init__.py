"""Verification of Payee: whether the name a payer gave belongs to the IBAN he pays to (Regulation (EU) 2024/886,
art. 5c of the SEPA Regulation). Answers for accounts of this bank, asks other banks for theirs, and keeps count, so that
nobody reads out who holds which account.
"""
