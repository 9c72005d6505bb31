"""The domain: what a generation is and what may happen to it. Knows no AWS and no HTTP."""
