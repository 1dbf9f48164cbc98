"""A study as one page for people: what was found, what it took, and how to have it again."""
