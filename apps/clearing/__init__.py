"""Other banks: handing outgoing credit transfers to a clearing house, and what it answers."""
