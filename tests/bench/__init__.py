"""Benchmarks: figures with their yardsticks, never assertions."""
