"""Screening of customers against the EU's list of financial sanctions: lists, daily runs, evidence, hits to decide.

Every customer is screened once per calendar day and at once when a new list comes, never per payment
(Regulation (EU) 260/2012 art. 5d, as amended by (EU) 2024/886).
"""
