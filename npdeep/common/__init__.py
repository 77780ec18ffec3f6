"""Helpers that know nothing of networks: checks, hints, tables, seeds, events."""
