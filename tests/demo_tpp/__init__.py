"""Tests of the demonstration TPP alone. Its journeys with the real bank are in tests/journeys."""
