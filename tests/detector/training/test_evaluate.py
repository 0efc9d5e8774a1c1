"""Figures, plots and the card of a detector that always finds the same."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from detector import Detector
from detector.cli import model as model_command
from detector.errors import TrainingError
from detector.training.card import BEGIN, END, update_figures
from detector.training.dataset import LabelledPicture
from detector.training.evaluate import (
    choose_thresholds,
    collect,
    figures_of,
    measure_speed,
    whole_pictures,
)
from detector.training.labels import PictureLabels
from detector.training.plots import COLOURS_BGR, precision_recall_plot, size_plot
from detector.training.splits import Side

NONE = np.zeros((0, 4), np.float32)

#: cx, cy, w, h, product, gap: a right facing, a stray one, a right gap.
FOUND = np.array(
    [[10, 20, 12, 20, 0.9, 0], [50, 50, 12, 20, 0.6, 0], [40, 10, 16, 16, 0, 0.8]], np.float32
).T[None]


def picture(side=Side.TEST):
    """Two facings, of which the detector finds the first, and a gap, which it finds."""
    products = np.array([[4, 10, 16, 30], [20, 30, 38, 60]], np.float32)
    gaps = np.array([[32, 2, 48, 18]], np.float32)
    labels = PictureLabels("mine/a.png", (64, 64), products, NONE, gaps, side)
    return LabelledPicture(np.full((64, 64, 3), 128, np.uint8), labels)


def test_figures_are_those_worked_out_by_hand(make_model):
    """One of two facings found, one stray box; the gap found."""
    figures = figures_of(collect(Detector.load(make_model(FOUND)), whole_pictures([picture()])))
    assert figures["product_labels"] == 2
    assert figures["product_precision"] == pytest.approx(0.5)
    assert figures["product_recall"] == pytest.approx(0.5)
    assert figures["product_ap50"] == pytest.approx(51 / 101)
    assert figures["product_ap50_95"] == pytest.approx(51 / 101)
    assert figures["gap_ap50"] == figures["gap_ap30"] == pytest.approx(1.0)


def test_each_size_has_its_own_figure(make_model):
    """The facing 12 px wide is found, the one 18 px wide is not; the stray is 12 px wide."""
    figures = figures_of(collect(Detector.load(make_model(FOUND)), whole_pictures([picture()])))
    assert figures["product_ap50_tiny"] == pytest.approx(1.0)
    assert figures["product_ap50_small"] == 0
    assert figures["product_labels_medium"] == 0
    assert figures["product_recall_12_to_16_px"] == 1
    assert figures["product_recall_16_to_24_px"] == 0


def test_pictures_without_drawn_gaps_say_nothing_about_gaps(make_model):
    """No figure, rather than one of zero."""
    example = whole_pictures([picture()])[0]
    unknown = type(example)(example.image_bgr, example.products, example.ignored, None)
    figures = figures_of(collect(Detector.load(make_model(FOUND)), [unknown]))
    assert not any(key.startswith("gap") for key in figures)


def test_thresholds_are_chosen_by_f1(make_model):
    """The stray box at 0.6 is left out by 0.9."""
    chosen = choose_thresholds(
        collect(Detector.load(make_model(FOUND)), whole_pictures([picture()]))
    )
    assert chosen["product"].threshold == pytest.approx(0.9)
    assert chosen["gap"].f1 == pytest.approx(1.0)


def test_speed_is_compared_with_a_reference(make_model):
    """Both in turns, and the ratio."""
    detector = Detector.load(make_model(FOUND))
    figures = measure_speed(detector, [picture().image_bgr], detector, rounds=3)
    assert figures.keys() == {"detect_ms", "reference_ms", "detect_over_reference"}


def test_a_model_without_products_is_refused(make_model):
    """Facings cannot be counted with it."""
    classes = [{"name": name, "threshold": 0.3} for name in ("cola", "gap")]
    with pytest.raises(TrainingError, match="expected a model with the class product"):
        collect(Detector.load(make_model(FOUND, classes=classes)), whole_pictures([picture()]))


def test_plots_show_a_line_and_bars(make_model):
    """In the colour of the first view; a size with few labels has no bar."""
    collected = collect(Detector.load(make_model(FOUND)), whole_pictures([picture()] * 30))
    curve = precision_recall_plot({"product": collected.scored("product")}, "title")
    bars = size_plot({"whole": collected.recall_by_size()}, "title")
    few = size_plot({"whole": {(12, 16): (1.0, 3)}}, "title")
    counts = [(image == COLOURS_BGR[0]).all(axis=2).sum() for image in (curve, bars, few)]
    assert counts[0] > 500
    assert counts[1] > 5000
    assert counts[2] < 500


def test_the_card_keeps_what_is_around_its_figures(tmp_path):
    """Only what is between the marks is replaced; without marks nothing is."""
    card = tmp_path / "CARD.md"
    card.write_text(f"# a\n{BEGIN}\nold\n{END}\nlast\n")
    update_figures(card, "new")
    assert card.read_text() == f"# a\n{BEGIN}\n\nnew\n\n{END}\nlast\n"
    card.write_text("# a\n")
    with pytest.raises(TrainingError, match="expected the marks"):
        update_figures(card, "new")


def test_the_command_writes_figures_plots_and_mistakes(make_model, tmp_path):
    """And refuses to put figures of the validation side into a card."""
    one = picture()
    (tmp_path / "mine").mkdir()
    cv2.imwrite(str(tmp_path / "mine" / "a.png"), one.image_bgr)
    labels = tmp_path / "labels.jsonl"
    labels.write_text(one.labels.to_json() + "\n")
    options = ["evaluate", "--model", str(make_model(FOUND)), "--labels", str(labels)]
    done = CliRunner().invoke(model_command, [*options, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "figures.json", "precision_recall.png", "recall_by_size.png", "mistakes.jpg"
    }  # fmt: skip
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert {"whole_product_ap50", "best_scale_product_ap50", "zoomed_product_ap50"} <= set(figures)
    refused = CliRunner().invoke(model_command, [*options, "--choose-thresholds", "--update-card"])
    assert isinstance(refused.exception, TrainingError)
    nothing = CliRunner().invoke(model_command, [*options, "--side", "val"])
    assert "expected pictures on the side 'val', found none" in str(nothing.exception)
