"""Studies in Optuna's database: the one room that opens it, reads it and writes to it."""
