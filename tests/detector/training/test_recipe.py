"""Recipe files and what is said about wrong ones."""

from pathlib import Path

import pytest
import yaml

from detector.errors import TrainingError
from detector.training.recipe import changed_fields, read_recipe

RECIPES = Path(__file__).parents[3] / "configs" / "training"
BUCKET = {"size_px": 64, "batch": 2, "weight": 1}
STAGE = {"name": "a", "crops": 8, "buckets": [BUCKET]}


@pytest.mark.parametrize("name", ["detector.yaml", "finetune.yaml"])
def test_the_recipes_that_come_with_it_are_valid(name):
    """Each can be read."""
    assert read_recipe(RECIPES / name).stages


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"stages": []}, "stages: "),
        ({"stages": [STAGE], "sead": 1}, "sead: unknown key; did you mean seed?"),
        (
            {"stages": [{**STAGE, "bucket": 1}]},
            "stages.0.bucket: unknown key; did you mean",
        ),
        ({"stages": [{**STAGE, "minutes": 3}]}, "given: minutes and crops"),
        ({"stages": [{"name": "a", "buckets": [BUCKET]}]}, "given: none"),
        ({"stages": [{**STAGE, "buckets": [{**BUCKET, "size_px": 50}]}]}, "multiple of 32"),
        ({"stages": [STAGE], "device": "gpu"}, "device: "),
        ([1], "expected a training recipe with stages"),
    ],
)
def test_a_wrong_recipe_names_the_field(tmp_path, content, message):
    """With what was expected and what was found."""
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(TrainingError) as error:
        read_recipe(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_changes_are_told_by_field():
    """Deep in a list too; what was added and removed as well."""
    old = {"seed": 1, "stages": [{"crops": 5, "name": "a"}]}
    new = {"seed": 1, "stages": [{"crops": 6, "name": "a"}, {"name": "b"}]}
    assert changed_fields(old, new) == [
        "stages.0.crops: 5 before, 6 now",
        "stages.1.name: not set before, b now",
    ]
