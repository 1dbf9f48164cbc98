"""These tests need the extra `board`, which is for Linux on x86_64."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("tflite_micro") else ["test_*.py"]
