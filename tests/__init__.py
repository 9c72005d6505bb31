"""Easel's tests: unit (no network), contract (wire samples, ports), integration (the local stack)."""
