"""Which parts functions are made of. A function imports its own step's module, and nothing of others'."""
