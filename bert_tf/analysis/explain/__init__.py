"""Which words a prediction comes from, and how far such an explanation can be trusted."""
