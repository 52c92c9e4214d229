"""A hardware token in software: for trying the bank out, and for its tests. Written from the protocol alone
(docs/decisions/0031 and 0037); nothing of the bank is imported."""
