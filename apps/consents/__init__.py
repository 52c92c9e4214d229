"""Consents: what a customer lets a TPP see, of which accounts, until when, and every use made of it."""
