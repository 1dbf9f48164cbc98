"""Board in, firmware out: a search within a board's limits by int8 accuracy, then files that run and compile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRT
from ai_edge_litert.interpreter import OpResolverType
from safetensors.torch import load_file, save_file

from explorer.arch import Architecture
from explorer.arch.tflite import flash, program, ram
from explorer.int8 import file, vela
from explorer.int8.firmware import REGISTERED
from explorer.plots import compressed
from explorer.storage import attributes
from tests.support.int8 import drawn, with_random_numbers
from tests.support.processes import run, search, study

pytestmark = pytest.mark.slow
BOARD = """
name: tiny
words: a board of a test
flash: 60_000
ram: 40_000
kept_flash: 10_000
kept_ram: 10_000
sources: {flash: this test}
"""


@pytest.fixture(scope="module")
def searched_for_a_board(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A search for a board of our own, by flash; its firmware of the most accurate network."""
    from tests.support.processes import SPACE

    folder = tmp_path_factory.mktemp("board")
    (folder / "small.yaml").write_text(SPACE)
    (folder / "board").mkdir()
    (folder / "board/tiny.yaml").write_text(BOARD)
    printed = search(folder, "n_trials=4", "epochs=3", "board=tiny", "size=flash", "space.anchors=[]")
    return folder, printed


def test_every_candidate_fits_and_its_accuracy_is_of_int8(searched_for_a_board: tuple[Path, str]) -> None:
    folder, printed = searched_for_a_board
    record = study(folder)
    assert (record.metric, record.size.name) == ("val_int8_acc", "flash")
    for trial in record.trials:
        network = Architecture.from_json(trial.architecture)
        assert flash(network) == trial.size <= 50_000
        assert ram(network) <= 30_000
        assert "val_int8_acc" in trial.curves[0][-1]
    assert "val_int8_acc" in printed
    assert "flash" in printed


def test_firmware_runs_and_compiles_to_the_predicted_size(
    searched_for_a_board: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = searched_for_a_board
    printed = run(folder, "explorer.firmware", "best", f"output={tmp_path / 'fw'}")
    assert "as predicted and as TFLite Micro's allocator says" in printed
    best = max(study(folder).finished, key=lambda trial: trial.accuracy or 0)
    assert f"val_int8_acc {best.accuracy:.4f}" in " ".join(printed.split())
    facts = json.loads((tmp_path / "fw/firmware.json").read_text())
    assert facts["flash"] == (tmp_path / "fw/model.tflite").stat().st_size == best.size
    checked = subprocess.run([sys.executable, tmp_path / "fw/check.py"], capture_output=True, text=True, check=True)
    assert "the answers are those that were expected" in checked.stdout
    for compiler, symbols in (("g++", "nm"), ("arm-none-eabi-g++", "arm-none-eabi-nm")):
        if shutil.which(compiler) is None:
            continue
        made = tmp_path / f"{compiler}.o"
        subprocess.run([compiler, "-std=c++17", "-c", "-Os", tmp_path / "fw/model.cc", "-o", made], check=True)
        listed = subprocess.run([symbols, "-S", made], capture_output=True, text=True, check=True).stdout
        (size,) = (line.split()[1] for line in listed.splitlines() if line.endswith(" model_tflite"))
        assert int(size, 16) == facts["flash"]
    uses = {each.kind for each in program(Architecture.from_json(best.architecture)).operators}
    header = (tmp_path / "fw/operators.h").read_text()
    assert f"MicroMutableOpResolver<{len(uses)}>" in header
    assert all(f"resolver.Add{REGISTERED[kind]}()" in header for kind in uses)
    assert header.count("resolver.Add") == len(uses)
    readme = (tmp_path / "fw/README.md").read_text()
    assert f"{facts['flash']:,}" in readme
    assert f"{facts['arena']:,}" in readme


def test_retrain_reproduces_int8_accuracy_and_measures_it_on_test(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    printed = run(folder, "explorer.retrain", "best", "seeds=1")
    assert "reproduced exactly: val_int8_acc" in printed
    assert "test_int8_acc" in printed
    number = printed.split("trial ")[1].split(":")[0]
    again = run(folder, "explorer.firmware", "best", f"weights=retrained/small-{number}")
    assert "saved in firmware/small-" in again


def test_the_page_repeats_the_search_for_the_board(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    run(folder, "explorer.report", "output=page.html")
    assert "board=tiny" in (folder / "page.html").read_text()
    shown = run(folder, "explorer.report", "size=ram", "output=ram.html")
    assert "ram.html" in shown


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["board=tiny", "board.flash=11_000"], "flash: 1,000 (smallest found "),
        (["board=tiny", "board.flash=null"], "board tiny: flash is None, expected bytes"),
        (["board=nano33ble", "precision=int4"], "precision is 'int4', expected one of null, fp32, int8"),
        (["board=nano33ble", "space.anchors=[alexnet_caffe]"], "TFLite Micro has no operator for LocalResponseNorm"),
        (
            ["board=tiny", "precision=fp32", "study=small"],
            "small was made otherwise: precision was int8, now fp32",
        ),
    ],
)
def test_what_is_refused(words: list[str], line: str, searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    assert line in search(folder, "n_trials=2", "epochs=3", "study=other", *words, code=2)


def test_firmware_that_is_refused(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    small = run(folder, "explorer.firmware", "best", "board=tiny", "board.ram=11_000", "--config-dir", ".", code=2)
    assert "bytes more ram than the 1,000 that tiny has for a network" in small
    gone = run(folder, "explorer.firmware", "best", "runs=elsewhere", code=2)
    assert "python -m explorer.retrain" in gone


def test_the_boards_are_listed(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    printed = run(folder, "explorer.search", "board=list", "--config-dir", ".")
    assert [line.split()[0] for line in printed.splitlines()][:3] == ["board", "corstone300", "esp32s3"]
    assert "tiny" in printed


def test_a_board_with_an_npu_gets_velas_file(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    printed = " ".join(run(folder, "explorer.firmware", "best", "board=corstone300", "output=npu").split())
    if not vela.available():
        assert "pip install 'explorer[vela]'" in printed
        return
    assert "ethos-u55-256: Vela predicts" in printed
    assert "all operators on the NPU" in printed
    assert (folder / "npu/model_vela.tflite").is_file()
    assert "Vela predicts" in (folder / "npu/README.md").read_text()


@pytest.mark.skipif(not vela.available(), reason="the extra `vela` is not installed")
def test_operators_that_stay_on_the_processor_are_named() -> None:
    (network,) = drawn("shuffle", 1, sides=(32,))
    found = vela.compiled(file.write(with_random_numbers(network)), "ethos-u55-128")
    assert found.on_cpu["GATHER"] > 0
    assert "GATHER" in found.words
    with pytest.raises(vela.VelaError, match="npu is 'ethos-u99', expected one of ethos-u55-32"):
        vela.compiled(b"", "ethos-u99")
    with pytest.raises(vela.VelaError, match="Vela does not compile the file"):
        vela.compiled(b"nothing", "ethos-u55-128")


def test_int8_onnx_answers_as_fp32_does(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    printed = run(folder, "explorer.retrain", "0", "seeds=1", "onnx.int8=true", "output=both")
    found = re.search(r"model_int8.onnx: ([\d,]+) bytes, fp32's ([\d,]+); the same class on ([\d.]+)%", printed)
    assert found
    int8, fp32 = (int(found[i].replace(",", "")) for i in (1, 2))
    assert int8 == (folder / "both/model_int8.onnx").stat().st_size < fp32 / 2
    assert float(found[3]) > 60
    pictures = np.random.default_rng(0).integers(0, 17, (3, 1, 8, 8)).astype(np.uint8)  # bytes, as model.onnx has them
    model = onnxruntime.InferenceSession(str(folder / "both/model_int8.onnx"))
    assert model.run(["label"], {"images": pictures})[0].shape == (3,)


def test_int8_onnx_of_a_small_network_is_refused_before_it_is_trained(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    search(folder, "n_trials=2", "epochs=1", "study=tiny", "space.fixed.incr_e=8", "space.search.base_e.low=8",
           "space.search.base_e.high=8", "space.search.squeeze_ratio.high=0.125", "space.anchors=[]")  # fmt: skip
    refused = run(folder, "explorer.retrain", "smallest", "within=0.99", "study=tiny", "onnx.int8=true", code=2)
    assert "a smaller network is larger in int8 ONNX than in fp32" in refused


def test_a_file_for_litert_runs_there_too(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    run(folder, "explorer.firmware", "best", "target=litert", "output=standard")
    facts = json.loads((folder / "standard/firmware.json").read_text())
    runs = LiteRT(
        model_content=(folder / "standard/model.tflite").read_bytes(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    runs.allocate_tensors()
    picture = np.fromfile(folder / "standard/test_picture.bin", np.int8).reshape(facts["input_shape"])
    runs.set_tensor(runs.get_input_details()[0]["index"], picture)
    runs.invoke()
    assert runs.get_tensor(runs.get_output_details()[0]["index"]).ravel().tolist() == facts["expected"]


def test_weights_of_few_levels_are_unpacked_while_the_network_runs(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    number = str(max(study(folder).finished, key=lambda trial: trial.params).number)
    plain = run(folder, "explorer.firmware", number, "board=nano33ble", "output=plain")
    assert "as predicted" in plain
    printed = " ".join(run(folder, "explorer.firmware", number, "board=nano33ble", "levels=7", "output=few").split())
    assert "of activations and unpacked weights), as predicted and as TFLite Micro's allocator says" in printed
    sizes = [json.loads((folder / name / "firmware.json").read_text())["flash"] for name in ("plain", "few")]
    assert sizes[1] < sizes[0]
    if vela.available():  # it takes no packed weights, but the same ones plain, and codes them itself
        found = {
            name: run(folder, "explorer.firmware", number, "board=corstone300", f"output={name}", *words)
            for name, words in {"npu": [], "few_npu": ["levels=7"]}.items()
        }
        cycles = [
            int(re.findall(r"Vela predicts ([\d,]+) cycles", each)[0].replace(",", "")) for each in found.values()
        ]
        assert cycles[1] < cycles[0]
        small, large = ((folder / name / "model_vela.tflite").stat().st_size for name in ("few_npu", "npu"))
        assert small < large
    assert "resolver.AddDecode()" in (folder / "few/operators.h").read_text()
    assert "AddDecode" not in (folder / "plain/operators.h").read_text()
    checked = subprocess.run([sys.executable, folder / "few/check.py"], capture_output=True, text=True, check=True)
    assert "the answers are those that were expected" in checked.stdout


def test_a_compressed_network_runs_and_becomes_firmware(searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    trial = max(study(folder).finished, key=lambda trial: trial.params)
    words = [str(trial.number), "seeds=1", "epochs=4", "rounds=1", "tolerance=null", "overwrite=true"]
    budget = flash(Architecture.from_json(trial.architecture)) - 2000
    printed = run(folder, "explorer.compress", *words, "format=tflite", f"budget={budget}", "output=made")
    assert "arena " in printed
    assert "times below fp32; val_acc" in " ".join(printed.split())  # of its networks in fp32 the study has no curve
    assert "not logged" not in printed
    made = (folder / "made/0.tflite").read_bytes()
    assert len(made) <= budget
    also = run(folder, "explorer.compress", *words, "ratio=3", "output=stored")
    assert "arena " not in also
    (one,) = (each for each in attributes.compressed(f"sqlite:///{folder}/study.db", "small") if each.format != "sqz")
    assert (one.bytes, one.metric) == ((len(made),), "val_acc")
    info = compressed.info(study(folder), attributes.compressed(f"sqlite:///{folder}/study.db", "small"))
    assert [marker.x for marker in info.run] == [len(made)]
    names = {trace.name for trace in compressed.figure(info).data}
    assert {"compressed", "compressed, runs in TFLite Micro"} <= names
    refused = {
        ("format=tflite", "budget=60kB"): "budget is 60,000 bytes, tiny has 50,000 for a network",
        ("format=tflite", "ram=31kB"): "ram is 31,000 bytes, tiny has 30,000 for a network",
        ("board=nano33ble",): "board needs format=tflite",
    }
    for more, line in refused.items():
        assert line in run(folder, "explorer.compress", words[0], *more, "output=none", code=2)
    board = "board=nano33ble"
    printed = run(folder, "explorer.firmware", words[0], board, "weights=made/0", "output=packed")
    assert f"flash {len(made):,} of" in printed
    assert (folder / "packed/model.tflite").read_bytes() == made
    codes = load_file(folder / "made/0/codes.safetensors")
    shutil.copytree(folder / "made/0", folder / "torn")
    save_file({name: each[1:].contiguous() for name, each in codes.items()}, folder / "torn/codes.safetensors")
    assert "codes of conv1 are (95, " in run(
        folder, "explorer.firmware", words[0], board, "weights=torn", "output=x", code=2
    )
    for more, line in (("levels=7", "says which values the weights have"), ("target=litert", "LiteRT does not unpack")):
        assert line in run(folder, "explorer.firmware", words[0], board, "weights=made/0", more, code=2)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["levels=8"], "levels is 8, expected an odd number from 3 to 253"),
        (["levels=7", "target=litert"], "levels=7 needs target=tflm"),
        (["levels=253", "board.ram=15_000"], "of ram, tiny has 5,000 for a network"),
        (["target=onnx"], "target is 'onnx', expected tflm or litert"),
    ],
)
def test_levels_that_are_refused(words: list[str], line: str, searched_for_a_board: tuple[Path, str]) -> None:
    folder, _ = searched_for_a_board
    assert line in run(folder, "explorer.firmware", "best", "--config-dir", ".", "board=tiny", *words, code=2)
