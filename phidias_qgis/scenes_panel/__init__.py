"""The dock to search scenes in."""
