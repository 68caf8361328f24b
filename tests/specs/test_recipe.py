"""Recipes: what a [training] table may say, and what it is told where it is wrong."""

from __future__ import annotations

import pytest

from convbench_specs import Recipe, SpecError, WorkloadError, load_workload, parse_workload
from convbench_specs.recipe import RECIPE_KEYS

CASE = 'dense = [10]\ncases = [{ name = "flatten", operation = "flatten", input = [1, 8, 8] }]\n'
LEAST = {"learning_rate": "0.1", "batch_size": "32", "epochs": "2"}


def parse(**changes: str | None):
    keys = {key: value for key, value in (LEAST | changes).items() if value is not None}
    table = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return parse_workload(f"{CASE}[training]\n{table}\n", name="mine", origin="mine.toml")


def test_what_is_left_out_is_plain_gradient_descent():
    assert parse().recipe == Recipe(learning_rate=0.1, batch_size=32, epochs=2)
    assert (parse().recipe.optimizer, parse().recipe.momentum, parse().recipe.loss) == ("sgd", 0.0, "cross_entropy")


def test_a_workload_without_the_table_has_no_recipe():
    assert parse_workload(CASE, name="mine", origin="mine.toml").recipe is None


def test_the_book_trains_as_the_course_says():
    recipe = load_workload("book_mnist").recipe
    assert (recipe.optimizer, recipe.momentum, recipe.learning_rate, recipe.batch_size) == ("sgd", 0.9, 0.01, 60)
    assert recipe.stated_accuracy.startswith("90.5 %")


@pytest.mark.parametrize("name", ["mnist_cnn", "lenet5", "fashion_mnist_cnn"])
def test_networks_of_the_course_say_what_their_source_reaches(name):
    assert "%" in load_workload(name).recipe.stated_accuracy


def test_a_whole_number_is_a_rate_too():
    assert parse(learning_rate="1").recipe.learning_rate == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": None}, "learning_rate: is missing"),
        ({"batch_size": None}, "batch_size: is missing"),
        ({"epochs": None}, "epochs: is missing"),
        ({"learning_rate": "0"}, "learning_rate: must be more than 0, not 0"),
        ({"learning_rate": "nan"}, "learning_rate: must be a finite number, not nan"),
        ({"learning_rate": "true"}, "learning_rate: must be a finite number, not True"),
        ({"learning_rate": "'fast'"}, "learning_rate: must be a finite number, not 'fast'"),
        ({"momentum": "1.0"}, "momentum: must be at least 0 and less than 1, not 1.0"),
        ({"momentum": "0.9", "optimizer": "'rmsprop'"}, "momentum: is only for sgd, not for rmsprop"),
        ({"rho": "-0.1"}, "rho: must be at least 0"),
        ({"epsilon": "0"}, "epsilon: must be more than 0"),
        ({"optimizer": "'adam'"}, "optimizer: must be 'sgd' or 'rmsprop', not 'adam'"),
        ({"optimizer": "[1]"}, "optimizer: must be 'sgd' or 'rmsprop', not [1]"),
        ({"loss": "'hinge'"}, "loss: must be 'cross_entropy', not 'hinge'"),
        ({"initialization": "'zeros'"}, "initialization: must be 'glorot_uniform' or 'he_normal', not 'zeros'"),
        ({"batch_size": "0"}, "batch_size: must be a whole number from 1 to 65,536, not 0"),
        ({"batch_size": "1.5"}, "batch_size: must be a whole number from 1 to 65,536, not 1.5"),
        ({"epochs": "true"}, "epochs: must be a whole number from 1 to 100,000, not True"),
        ({"image_padding": "-1"}, "image_padding: must be a whole number from 0 to 1,024, not -1"),
        ({"stated_accuracy": "99"}, "stated_accuracy: must be text, not 99"),
        ({"differs": r'"\u001b[2J"'}, "differs: must be text that can be printed"),
        ({"learning_rat": "0.1"}, "learning_rat: unknown key; did you mean learning_rate?"),
    ],
)
def test_a_wrong_table_is_one_line_with_file_key_and_problem(changes, message):
    with pytest.raises(WorkloadError) as caught:
        parse(**changes)
    assert str(caught.value).startswith(f"mine.toml: training: {message}")
    assert "\n" not in str(caught.value)


def test_what_is_no_table_is_told_so():
    with pytest.raises(WorkloadError, match=r"^mine.toml: training: must be a \[training\] table, not 3$"):
        parse_workload(f"training = 3\n{CASE}", name="mine", origin="mine.toml")


def test_a_recipe_made_in_python_is_held_to_the_same_rules():
    with pytest.raises(SpecError, match="batch_size must be a whole number"):
        Recipe(learning_rate=0.1, batch_size=0, epochs=1)


def test_every_key_has_a_line_in_the_documentation():
    from paths import ROOT

    text = (ROOT / "docs" / "workloads.md").read_text(encoding="utf-8")
    assert [key for key in RECIPE_KEYS if f"`{key}`" not in text] == []
