"""The money: a double-entry ledger in whole minor units.

An entry has postings, each a DEBIT or a CREDIT of one account; debits equal credits, always. Postings are never
changed; a mistake is corrected by another entry. One database function posts an entry in one round trip, and
only the engine's database role may call it.
"""
