"""Results as values: a study's trials, its front, the network that a word names; retrained, compressed, timed."""
