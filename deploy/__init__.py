"""How the bank is started: ``deploy.local`` on one machine from a checkout."""
