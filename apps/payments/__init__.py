"""Payments: a customer's orders, from the wish to the booked transfer, by the status words of ISO 20022.

The web side takes in and authorises (RCVD → ACTC; by PATC, where two must sign); the engine, another process under
another database role, takes the funds and books (ACTC → ACSP/ACSC or RJCT).
"""
