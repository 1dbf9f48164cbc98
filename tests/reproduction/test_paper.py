"""The paper held against the program: every count, the statistics of the trends, the command, the page."""

import html.parser
import io
import json
import math
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from explorer.plots import sweep as sweep_plot
from explorer.plots import tradeoff
from explorer.plots.sweep import SweepError
from explorer.reproduction import counted, page, printed, sweeps, tables, text, trends
from explorer.reproduction.caveat import caveat
from explorer.reproduction.sheets import build
from tests.support import warm
from tests.support.paper_sample import every_sweep, sweep, sweep_study
from tests.support.sample import finished_study

ROOT = Path(__file__).parents[2]
NOTHING = dict.fromkeys(sweeps.PARAMETERS)


def paper(*arguments, folder):
    done = warm.command("explorer.paper", "table_2.network=null", *arguments, cwd=folder)
    return done.returncode, done.stdout, done.stderr


# Counts


def test_table_1_row_by_row():
    layers = counted.table_1()
    assert list(layers) == [line.name for line in printed.TABLE_1]
    differ = {
        (line.name, what)
        for line in printed.TABLE_1
        for what, theirs, ours in (
            ("output", line.output, layers[line.name].output),
            ("filters", line.filters, layers[line.name].filters),
            ("params", line.params, layers[line.name].params),
            ("pruned", line.pruned, layers[line.name].pruned(line.density) if line.density else 0),
        )
        if theirs != ours
    }
    assert differ == {("input", "output"), ("maxpool8", "output"), ("fire8", "pruned")}
    assert layers["fire8"].pruned((100, 50, 33)) == 82_005
    assert layers["fire8"].pruned((100, 50, 30)) == 77_581 == printed.TABLE_1[10].pruned


def test_table_1_adds_up():
    for column in ("params", "pruned"):
        assert sum(getattr(line, column) for line in printed.TABLE_1) == getattr(printed.TOTAL, column)
    rows = {row.label: row for row in tables.table_1().rows}
    assert rows["total"].cells[-3:] == ("1,248,424", "421,098", "exact, with fire8 at 30 %")
    heads = tables.table_1().heads[1:]
    marked = {(label, i, heads[i]) for label, row in rows.items() for i in row.differs}
    assert marked == {
        *(("input", i, heads[i]) for i in (5, 9)),
        *(("maxpool8", i, heads[i]) for i in (5, 9)),
        *(("fire8", i, heads[i]) for i in (8, 9)),
    }


def test_table_2():
    rows = {row.label: row.cells for row in tables.table_2().rows}
    assert rows["AlexNet, none, 32 bit"][4:] == ("243,860,896", "232.56", "1.0x", "1.0x")
    assert rows["SqueezeNet, none, 32 bit"][4:] == ("4,993,696", "4.76", "48.8x", "50.0x")
    assert [cells[-1] for cells in rows.values()] == ["1.0x", "5.0x", "8.9x", "34.8x", "50.0x", "363.6x", "510.6x"]
    assert any("361x" in note for note in tables.table_2().notes)  # 243,860,896 / 675,763


@pytest.mark.parametrize(
    ("value", "params", "mib", "mb"),
    [
        (0.125, 1_248_424, 4.762, "4.8"),
        (0.25, 1_967_080, 7.504, "7.6"),
        (0.5, 3_404_392, 12.987, "13"),
        (0.75, 4_841_704, 18.470, "19"),
        (1.0, 6_279_016, 23.953, "24"),
    ],
)
def test_figure_3a(value, params, mib, mb):
    cost = counted.squeeze_ratio(value)
    assert (cost.params, round(cost.bytes / 2**20, 3)) == (params, mib)
    assert counted.megabytes(cost.bytes) == mb == next(p.megabytes for p in printed.FIGURE_3A if p.value == value)


@pytest.mark.parametrize(
    ("value", "params", "mib", "mb"),
    [
        (0.01, 1_478_248, 5.639, "5.7"),
        (0.125, 1_929_832, 7.362, "7.4"),
        (0.25, 2_421_352, 9.237, "9.3"),
        (0.375, 2_912_872, 11.112, "12"),
        (0.5, 3_404_392, 12.987, "13"),
        (0.625, 3_895_912, 14.862, "15"),
        (0.75, 4_387_432, 16.737, "17"),
        (0.875, 4_878_952, 18.612, "19"),
        (0.99, 5_330_536, 20.334, "21"),
    ],
)
def test_figure_3b(value, params, mib, mb):
    cost = counted.pct_3x3(value)
    assert (cost.params, round(cost.bytes / 2**20, 3)) == (params, mib)
    theirs = next(point.megabytes for point in printed.FIGURE_3B if point.value == value)
    assert counted.megabytes(cost.bytes) == mb
    assert (theirs == mb) == (value != 0.375)


def test_table_3():
    rows = {row.label: row for row in sweeps.sheets(NOTHING)[2].rows}
    assert rows["none"].cells[:8] == ("4.8", "57.5", "80.3", "1,248,424", "4,993,696", "4.762", "4.8", "exact")
    assert rows["simple"].cells[:8] == ("4.8", "60.4", "82.5", "1,248,424", "4,993,696", "4.762", "4.8", "exact")
    assert rows["complex"].cells[:8] == ("7.7", "58.8", "82.0", "1,589,672", "6,358,688", "6.064", "6.1", "differs")
    assert rows["complex"].differs == (6, 7)


def test_macs_of_both_versions():
    rows = {row.label: row for row in tables.macs().rows}
    assert {label: row.cells[1] for label, row in rows.items()} == {
        "v1.0, 227 px, conv10 padded": "861,339,936",
        "v1.0, 227 px": "832,667,936",
        "v1.0, 224 px": "818,924,576",
        "v1.1, 227 px": "387,747,520",
        "v1.1, 224 px": "349,151,936",
    }
    assert [label for label, row in rows.items() if row.cells[-1] == "exact"] == ["v1.0, 227 px, conv10 padded"]


def test_how_many_sizes_each_reading_of_mb_meets():
    sizes = counted.printed_sizes()
    met = [sum(counted.megabytes(size, c) == mb for _, size, mb in sizes) for c in counted.CONVENTIONS]
    assert (met, len(sizes)) == ([2, 11, 15], 17)
    assert tables.megabytes().rows[-1].cells[-3:] == ("2 of 17", "11 of 17", "15 of 17")
    missed = [what for what, size, mb in sizes if counted.megabytes(size) != mb]
    assert missed == ["pct_3x3 0.375", "complex bypass"]


@pytest.mark.parametrize(
    ("size", "texts"),
    [
        (10 * 2**20, ("10", "10", "10")),  # 10.49 million: no decimal from 10 on
        (10 * 2**20 - 1, ("10", "10", "10")),  # not "10.0"
        (int(9.9 * 2**20), ("10", "9.9", "9.9")),
        (1, ("0.0", "0.0", "0.1")),
    ],
)
def test_sizes_in_words(size, texts):
    assert tuple(counted.megabytes(size, convention) for convention in counted.CONVENTIONS) == texts


def test_downsampling_keeps_the_parameters_and_moves_the_rest():
    costs = [counted.downsampling(value) for value in (0.0, 0.125, 0.25, 0.375, 0.4375, 0.5)]
    assert {cost.params for cost in costs} == {1_248_424}
    assert [cost.macs for cost in costs] == sorted({cost.macs for cost in costs})
    assert [cost.activation_bytes for cost in costs] == sorted({cost.activation_bytes for cost in costs})
    assert {cost.peak_activation_bytes for cost in costs} == {5_892_864}


# Sweeps out of studies


def test_values_that_build_the_same_network_are_one_point():
    # On 8x8 images the third pool is dropped, so some places of it are no difference.
    info = sweep("downsampling", {0.0: [0.9, 0.91], 0.25: [0.95, 0.96], 0.4375: [0.97, 0.98]})
    assert [point.values for point in info.points] == [(0.0,), (0.25, 0.3125), (0.375, 0.4375)]
    assert info.missing == (0.125, 0.1875, 0.5)
    assert info.at(0.3125) is info.at(0.25)
    assert info.at(0.5) is None
    row = {row.label: row for row in sweeps.sheets(NOTHING | {"downsampling": info})[3].rows}["0.375"]
    assert row.cells[-4:] == ("97.50%", "0.50", "97.00%", "98.00%")
    sheet = sweeps.sheets(NOTHING | {"downsampling": info})[3]
    assert "not trained yet: 0.125, 0.1875, 0.5" in sheet.measured
    assert sheet.trends[0].answer == "Not measured"


def test_numbers_rise_whatever_the_order_of_training():
    record = sweep_study("pct_3x3", {0.99: [0.9], 0.01: [0.8], 0.5: [0.85]})
    record.config["space"]["search"]["pct_3x3"]["choices"].reverse()
    info = sweep_plot.info(record, "pct_3x3")
    assert [point.values for point in info.points] == [(0.01,), (0.5,), (0.99,)]
    assert info.order[:3] == (0.01, 0.125, 0.25)
    assert sweep("bypass", {"simple": [0.9], "none": [0.8]}).order == ("none", "simple", "complex")


def test_error_bars_are_over_the_seeds():
    (point,) = sweep("bypass", {"none": [0.9, 0.93, 0.96]}).points
    assert point.error == pytest.approx(0.03 / math.sqrt(3))
    assert point.by_seed == {0: 0.9, 1: 0.93, 2: 0.96}
    figure = sweep_plot.figure(sweep("bypass", {"none": [0.9, 0.93, 0.96], "simple": [0.95, 0.95, 0.98]}))
    dots, means = figure.data
    assert list(means.error_y.array) == pytest.approx([0.03 / math.sqrt(3), 0.01])
    assert list(dots.y) == [0.9, 0.93, 0.96, 0.95, 0.95, 0.98]
    assert means.mode == "markers"  # nothing lies between words


def test_a_study_that_is_no_such_sweep_is_refused():
    with pytest.raises(SweepError, match=r"searches base_e, .*expected a sweep over bypass alone"):
        sweep_plot.info(finished_study(3), "bypass")
    with pytest.raises(SweepError, match="paper_bypass searches bypass, expected a sweep over pct_3x3 alone"):
        sweep_plot.info(sweep_study("bypass", {"none": [0.9]}), "pct_3x3")
    study = sweep_study("bypass", {"none": [0.9]})
    with pytest.raises(SweepError, match="it maximises val_auroc, the paper's figures are accuracies"):
        sweep_plot.info(replace(study, config=study.config | {"metric": "auroc"}), "bypass")


def test_an_unfinished_study_is_drawn():
    info = sweep("squeeze_ratio", {})
    assert (info.points, len(info.missing), info.seeds) == ((), 5, ())
    sweep_plot.figure(info)
    tradeoff.figure(info, "macs")
    sheets = build(NOTHING | {"squeeze_ratio": info})
    assert "Not measured." in text.markdown(sheets, caveat([info]))


# Statistics


def test_the_interval_is_students():
    found = trends.interval([0.01, 0.02, 0.03], 360)
    # t of 97.5 % with 2 degrees of freedom is 4.30265; the deviation is 0.01.
    assert found.mean == pytest.approx(0.02)
    assert found.high - found.mean == pytest.approx(4.30265 * 0.01 / math.sqrt(3), rel=1e-5)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


@pytest.mark.slow
def test_the_interval_covers_what_it_says():
    rng = random.Random(1)
    n, hits = 4000, 0
    for _ in range(n):
        found = trends.interval([rng.gauss(0.01, 0.02) for _ in range(3)], 10**9)
        hits += found.low < 0.01 < found.high
    assert abs(hits / n - trends.CONFIDENCE) < 4 * math.sqrt(0.95 * 0.05 / n)


def test_equal_differences_are_no_certainty():
    found = trends.interval([0.0, 0.0, 0.0], 360)
    assert found.high == pytest.approx(4.30265 / (360 * math.sqrt(6) * math.sqrt(3)), rel=1e-5)
    assert trends.interval([0.1], 360).high == math.inf


def test_differences_are_paired_by_seed():
    # Seeds differ by far more than the networks; within each seed simple is ahead by about a point.
    info = sweep("bypass", {"none": [0.80, 0.90, 0.95], "simple": [0.811, 0.91, 0.959], "complex": [0.9, 0.9, 0.9]})
    simple, complex_, _ = trends.bypass(info)
    assert simple.answer == "Yes"
    assert simple.interval.mean == pytest.approx(0.01)
    assert complex_.answer == "Cannot tell with 3 seeds"
    assert "simple minus none: +1.00 points; 95% interval" in simple.text
    # Only seeds that both have are compared.
    fewer = sweep("bypass", {"none": [0.80, 0.90, 0.95], "simple": [0.811, 0.91]})
    assert trends.bypass(fewer)[0].interval.seeds == 2
    assert trends.bypass(fewer)[1].text == "Does complex bypass beat vanilla? Not measured."


def test_one_seed_tells_nothing():
    info = sweep("bypass", {"none": [0.5], "simple": [0.9], "complex": [0.1]})
    assert [trend.answer for trend in trends.bypass(info)] == ["Cannot tell with 1 seed"] * 3
    assert trends.bypass(info)[0].text.endswith("(simple minus none: +40.00 points; no interval).")


def test_other_answers():
    down = sweep("bypass", {"none": [0.95, 0.96, 0.97], "simple": [0.90, 0.91, 0.92], "complex": [0.95, 0.96, 0.97]})
    simple, complex_, last = trends.bypass(down)
    assert simple.answer == "No, the opposite"
    assert complex_.answer == "No, the difference is below 0.5 points"
    assert last.answer == "No, the opposite"


def test_rising_and_flattening():
    curve = {0.125: 0.80, 0.25: 0.85, 0.5: 0.90, 0.75: 0.905, 1.0: 0.91}
    noise = (0.0, 0.002, -0.002)
    bent = sweep("squeeze_ratio", {value: [accuracy + shift for shift in noise] for value, accuracy in curve.items()})
    rises, flattens = trends.squeeze_ratio(bent)
    assert (rises.answer, flattens.answer) == ("Yes", "Yes")
    assert rises.interval.mean == pytest.approx(0.11)
    assert flattens.interval.mean == pytest.approx(0.10 - 0.01)
    straight = sweep("squeeze_ratio", {value: [0.8 + 0.1 * value + 0.01 * s for s in range(3)] for value in curve})
    # From 0.125 to 0.5 lies less than from 0.5 to 1.0: a straight line gains less in the first part.
    assert trends.squeeze_ratio(straight)[1].answer == "No, the opposite"


def test_half_of_the_filters_being_3x3_is_enough():
    def later(gain, spread):
        values = [0.01, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.99]
        shifts = (-spread, 0.0, spread)
        return sweep("pct_3x3", {v: [0.9 + (gain + s if v > 0.5 else 0) for s in shifts] for v in values})

    assert trends.pct_3x3(later(0.0, 0.0005))[1].answer == "Yes, less than 0.5 points are left"
    assert trends.pct_3x3(later(0.03, 0.0005))[1].answer == "No, more helps"
    assert trends.pct_3x3(later(0.0, 0.02))[1].answer == "Cannot tell with 3 seeds"
    assert trends.pct_3x3(later(0.012, 0.0))[1].interval.mean == pytest.approx(0.012)  # the mean of all four


# The page and the text


class Outline(html.parser.HTMLParser):
    """What a page loads, where it links, and whether its tags close."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.links, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("script", "img", "link", "iframe"):
            self.loads += [value for key, value in values.items() if key in ("src", "href")]
        if tag == "a":
            self.links.append(values["href"])
        self.ids += [values["id"]] if "id" in values else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(document):
    parser = Outline()
    parser.feed(document)
    assert parser.open == []
    return parser


@pytest.mark.slow
def test_the_page_needs_nothing_else_and_holds_everything():
    studies = every_sweep()
    sheets = build(studies)
    document = page.html(sheets, caveat(list(studies.values())))
    seen = outline(document)
    assert seen.loads == []
    assert document.count("plotly.js v") == 1
    assert set(seen.links) == {"https://arxiv.org/abs/1602.07360", *(f"#{sheet.key}" for sheet in sheets)}
    assert {f"{sheet.key}" for sheet in sheets} <= set(seen.ids)
    assert sum(name.startswith("figure_") for name in seen.ids) == 3 * 2 + 3
    assert page.html(sheets, caveat(list(studies.values()))) == document
    # Without a study the figures of the paper are there alone.
    assert sum(name.startswith("figure_") for name in outline(page.html(build(NOTHING), caveat([]))).ids) == 3


def test_the_papers_accuracies_and_ours_share_no_figure_and_no_column():
    for sheet in build(every_sweep()):
        if not sheet.sweep:
            continue
        measured = sweep_plot.figure(sheet.sweep)
        ours = {accuracy for point in sheet.sweep.points for accuracy in (point.accuracy, *point.by_seed.values())}
        assert {y for trace in measured.data for y in trace.y} == ours
        if sheet.elsewhere:
            theirs = sweep_plot.elsewhere_figure(sheet.elsewhere, sheet.key)
            assert [list(trace.y) for trace in theirs.data] == [list(sheet.elsewhere.accuracies)]
        for row in sheet.rows:
            assert len(row.cells) == sum(len(part.heads) for part in sheet.parts)
            for column, cell in enumerate(row.cells, 1):
                assert ("%" in cell) <= (sheet.part_of(column).source == "measured")


def test_names_from_a_study_cannot_break_the_page():
    record = sweep_study("bypass", {"none": [0.9]})
    evil = "</script><b>x"
    info = sweep_plot.info(type(record)(evil, record.config | {"data": evil}, record.facts, record.trials), "bypass")
    document = page.html(build(NOTHING | {"bypass": info}), caveat([info]))
    outline(document)
    assert evil not in document


@pytest.mark.parametrize("cost", ["macs", "activations"])
def test_tradeoff(cost):
    info = every_sweep()["downsampling"]
    (trace,) = tradeoff.figure(info, cost).data
    assert list(trace.text) == ["0.0", "0.125", "0.25", "0.375", "0.5"]
    assert list(trace.y) == [point.accuracy for point in info.points]
    first = info.points[0]
    assert trace.x[0] == pytest.approx(first.macs / 1e6 if cost == "macs" else first.activation_bytes / 1024)
    assert list(trace.x) == sorted(trace.x)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_number_is_cut_in_a_narrow_terminal(width):
    written = io.StringIO()
    console = Console(width=width, file=written)
    sheets = build(every_sweep())
    text.show(sheets, console)
    shown = written.getvalue()
    assert "…" not in shown
    for sheet in sheets:
        for row in sheet.rows:
            for cell in row.cells:
                assert cell in shown
    if width >= 80:
        assert max(map(len, shown.splitlines())) <= width


def test_markdown_tables_are_whole():
    for line in text.markdown(build(every_sweep()), "").splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    document = text.markdown(build(NOTHING), "", "pictures")
    assert "![" not in document  # nothing measured, nothing to show
    assert "![Table 3: bypass](pictures/bypass.png)" in text.markdown(build(every_sweep()), "", "pictures")


def test_the_document_holds_what_is_counted_today():
    document = (ROOT / "docs" / "paper.md").read_text()
    lines = document.splitlines()
    for sheet in build(NOTHING):
        fixed = sum(len(part.heads) for part in sheet.parts if part.source != "measured")
        for row in sheet.rows:
            start = "| " + " | ".join([row.label, *row.cells[:fixed]]) + " |"
            assert any(line.startswith(start) for line in lines), f"docs/paper.md is stale: {start}"
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", document):
        assert (ROOT / "docs" / picture).is_file()


# The command


@pytest.mark.slow
def test_ways_of_compressing_as_kept(tmp_path):
    way = {"method": "none, 32 bit", "bytes": 3000, "before": [0.979, 1], "after": [0.979, 1], "change": [0, 0]}
    ours = way | {"method": "ours", "bytes": 100, "after": [0.97, 1], "change": [-0.009, 0.011]}
    ways = [one | {"images": 360} for one in (way, ours)]
    kept = {
        "weights": "digits",
        "network": "SqueezeNet v1.0 on digits",
        "seeds": [0, 1],
        "alexnet": 96700,
        "ways": ways,
    }
    (tmp_path / "table_2.json").write_text(json.dumps([kept]))
    code, out, err = paper("table_2.network=squeezenet_v1_0", folder=tmp_path)
    assert (code, err) == (0, "")
    assert re.search(r"none, 32 bit +3,000 +1.0x +32x +97.9 +97.9 +\+0.0 ± 0.0 +100.0 +100.0", out)
    assert re.search(r"ours +100 +30.0x +967x +97.9 +97.0 +-0.9 ± 1.1", out)
    assert "Trained here on digits, not on ImageNet" in " ".join(out.split())
    assert "With weights trained on ImageNet: python -m explorer.paper table_2.weights=FILE" in " ".join(out.split())
    given = kept | {"weights": "net.npz", "network": "SqueezeNet here", "seeds": []}
    (tmp_path / "table_2.json").write_text(json.dumps([kept, given]))
    code, out, err = paper("format=markdown", folder=tmp_path)
    assert (code, err) == (0, "")
    first, second = out.index("## Table 2 on given weights"), out.index("## Table 2 on digits")
    assert first < out.index("Weights of net.npz") < second < out.index("Trained here on digits")
    assert "With weights trained on ImageNet" not in out
    (tmp_path / "table_2.json").write_text("{}")
    code, _, err = paper(folder=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "table_2.kept=table_2.json: no file that this command wrote" in err


@pytest.mark.slow
def test_without_studies_it_counts_and_names_what_to_run(tmp_path):
    code, out, err = paper(folder=tmp_path)
    assert (code, err) == (0, "")
    for parameter in sweeps.PARAMETERS:
        assert f"Not measured yet: python -m explorer.search +experiment=paper_{parameter}" in out
        assert (ROOT / "conf" / "experiment" / f"paper_{parameter}.yaml").is_file()
    assert "1,589,672" in out
    outline((tmp_path / "paper.html").read_text())
    assert max(map(len, out.splitlines())) <= 160


def test_options(tmp_path):
    code, out, err = paper("format=markdown", "output=null", folder=tmp_path)
    assert (code, err, list(tmp_path.iterdir())) == (0, "", [])
    assert out.startswith("# ")
    assert "| fire8 | 27x27x512 | 64/256/256 | 100/50/33 | 188,992 | 77,581 |" in out


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("format=pdf", "format is 'pdf', expected table or markdown"),
        ("storage=sqlite:///absent.db", "no study database absent.db here"),
        ("output=file/paper.html", "output file: file is a file, expected a folder"),
        ("~studies.bypass", "expected a name for each of squeeze_ratio, pct_3x3, bypass, downsampling"),
    ],
)
def test_bad_input(argument, words, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = paper(argument, folder=tmp_path)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_studies_of_a_storage(tmp_path):
    from explorer.storage.study_store import StudyStore

    record = sweep_study("bypass", {"none": [0.90, 0.91, 0.92], "simple": [0.93, 0.94, 0.95]})
    store = StudyStore(f"sqlite:///{tmp_path}/study.db", "mine", record.config, record.facts)
    for trial in record.trials:
        known = {"anchor": None, "identity": trial.identity, "params": trial.params, "bytes": trial.bytes}
        known |= {"macs": trial.macs, "architecture": trial.architecture, "seeds": list(trial.seeds)}
        number = store.create(None, known).number
        for seed, curve in zip(trial.seeds, trial.curves, strict=True):
            store.save_curve(number, seed, list(curve), "cpu")
        store.finish(number, "COMPLETE")
    store.release()
    code, out, err = paper("studies.bypass=mine", "output=null", folder=tmp_path)
    assert (code, err) == (0, "")
    assert "Study mine: digits, 360 validation images, 3 seeds, 1 epoch, trained at commit cb17646;" in out
    assert "not trained yet: complex (python -m explorer.search +experiment=paper_bypass)" in " ".join(out.split())
    assert re.search(r"simple +4.8 +60.4 +82.5 +1,248,424 .* 94.00% +0.58 +93.00% +95.00%", out)
    assert "Does simple bypass beat vanilla? Yes (simple minus none: +3.00 points;" in out
    code, _, err = paper("studies.pct_3x3=mine", folder=tmp_path)
    assert code == 2
    assert "study mine searches bypass, expected a sweep over pct_3x3 alone" in err
