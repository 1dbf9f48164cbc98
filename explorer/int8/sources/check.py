"""Runs model.tflite in TFLite Micro on this PC: `pip install tflite-micro numpy`, then `python check.py`."""

import json
import sys
from pathlib import Path

import numpy as np
from tflite_micro import runtime

folder = Path(__file__).parent
facts = json.loads((folder / "firmware.json").read_text(encoding="utf-8"))
interpreter = runtime.Interpreter.from_file(str(folder / "model.tflite"), arena_size=facts["arena"])
picture = np.fromfile(folder / "test_picture.bin", np.int8).reshape(facts["input_shape"])
interpreter.set_input(picture, 0)
interpreter.invoke()
answers = interpreter.get_output(0).ravel().tolist()
name = facts["class_names"][int(np.argmax(answers))]
same = answers == facts["expected"]
print(f"class {int(np.argmax(answers))}: {name}; the answers are {'those' if same else 'NOT those'} that were expected")
print(f"an arena of {facts['arena']:,} bytes suffices")
sys.exit(not same)
