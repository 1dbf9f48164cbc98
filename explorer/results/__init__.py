"""Results as values: a study's trials, its front, which network a word means; what retraining, compressing, timing gave."""
