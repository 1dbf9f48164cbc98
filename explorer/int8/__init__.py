"""Networks in int8 as TFLite runs them: numbers, the file, and the interpreters that run it."""
