"""A search: what is tried next, what stops early, what is done after a failure."""
