"""Values every room shares: money, IBANs, time, errors, canonical bytes, keys. No tables, no rules of banking.

Nothing here imports another room.
"""
