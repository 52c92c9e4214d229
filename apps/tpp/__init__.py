"""Third-party providers: who asks. Their registration, apps, keys and certificates, and their blocking.

Enrolment is automatic (an additional registration would be an obstacle, RTS art. 32(3), N2). What a TPP may do
follows from its roles.
"""
