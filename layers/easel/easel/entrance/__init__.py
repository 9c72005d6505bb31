"""Wiring of what callers speak to, apart from `wiring`, so that the steps' functions import no door."""
