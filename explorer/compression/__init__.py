"""Compression of networks: pruning, codebooks, post-training quantization, and the .sqz file that holds the result."""
