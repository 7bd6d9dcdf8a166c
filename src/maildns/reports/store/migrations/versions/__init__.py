"""The store's schema, version after version."""
