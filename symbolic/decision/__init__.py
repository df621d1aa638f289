"""The decision procedure: exact expressions, their normal form by cases, and numbers that refute."""
