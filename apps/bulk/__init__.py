"""Bulk payments: files of up to 100,000 credit transfers, checked whole, signed once, booked in sets, reported on.

A file is taken in whole or not at all: the smallest fault leaves nothing of it but the list of what is wrong.
"""
