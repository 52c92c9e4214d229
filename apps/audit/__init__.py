"""The trail: append-only, hash-chained, written in the same transaction as what it tells of (RTS art. 29).

An event is appended by one database function; no role but the owner can touch the tables. Events form up to
64 chains so that writers never wait for one another; each event carries the hash of the one before it.
"""
