"""How `check` reads code as people write it, and finds what it computes."""
