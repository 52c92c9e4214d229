"""What the sandbox begins with: people, accounts, three months of bookings, companies with their keys."""
