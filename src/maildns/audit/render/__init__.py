"""The forms in which an assessment leaves the house, each from the same values."""
