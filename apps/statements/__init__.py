"""Statements: what was booked on an account in a month or any other period, as a file that people and programs read.

Owns no table: the books are the ledger's, and a statement of a period that is over can be made anew at any time, byte
for byte the same. Rules say which periods there are and what a statement's sums must be; queries read it in one
snapshot of the database; ``writers`` turns it into PDF, CSV, camt.053 and MT940; services hand it out and leave a
trace.
"""
