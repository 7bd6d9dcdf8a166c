"""Editing zone text."""
