"""Between the contract's JSON and the rooms' values: what comes in is checked member by member, what goes out built."""
