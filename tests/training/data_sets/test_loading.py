"""A data set by its path, and whether it is one for the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import arrays, write_idx

from convbench.errors import UsageError
from convbench.training.data_sets import data_set_for, read_data_set
from convbench_specs import load_workload, parse_workload, trainable_network


def small_network(*, classes=3, height=4, width=5, channels=1, border=0):
    """A network of a flatten and a dense layer."""
    text = f"""
        network = true
        dense = [{classes}]
        cases = [{{ operation = "flatten", input = [{channels}, {height}, {width}] }}]
        [training]
        learning_rate = 0.1
        batch_size = 2
        epochs = 1
        image_padding = {border}
    """
    return trainable_network(parse_workload(text, name="small", origin="small.toml"))


@pytest.mark.parametrize("place", ["raw", "MNIST/raw", "FashionMNIST/raw", "fashion-mnist"])
def test_a_folder_above_the_data_will_do(tmp_path, place):
    write_idx(tmp_path / place)
    found = read_data_set(tmp_path)
    assert found.name == {"MNIST/raw": "MNIST", "FashionMNIST/raw": "FashionMNIST"}.get(place, Path(found.name).name)
    assert str(tmp_path / place) in found.source


def test_a_folder_above_two_data_sets_asks_which(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    write_idx(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(UsageError, match=r"more than one data set; give one of .*MNIST/raw and .*FashionMNIST/raw"):
        read_data_set(tmp_path)


def test_an_archive_below_a_folder_is_found(tmp_path):
    np.savez(tmp_path / "mnist.npz", **arrays())
    assert read_data_set(tmp_path).name == "mnist"


def test_a_folder_without_data_is_told_what_and_where(tmp_path):
    with pytest.raises(UsageError, match=r"holds no data set; IDX files .* nothing is downloaded") as caught:
        read_data_set(tmp_path)
    assert "fashion-mnist" in str(caught.value)


def test_a_path_that_does_not_exist_is_told_where_data_usually_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_idx(tmp_path / "data" / "MNIST" / "raw")
    with pytest.raises(
        UsageError, match=r"there is no such file or folder; .* on this machine there are .*./data/MNIST/raw"
    ):
        read_data_set(tmp_path / "mnist")


def test_usual_places_are_named_where_none_exists(tmp_path, monkeypatch):
    monkeypatch.setattr("convbench.training.data_sets.places.USUAL", ("~/.keras/none", "./data/none", "/none"))
    with pytest.raises(
        UsageError, match=r"usual places are ~/.keras/none, ./data/none and, on Debian, .*fashion-mnist"
    ):
        read_data_set(tmp_path / "mnist")


def test_a_file_of_another_kind_is_told_what_can_be_read(tmp_path):
    (tmp_path / "mnist.pkl").write_bytes(b"")
    with pytest.raises(UsageError, match=r"is no data set that can be read by its name; IDX files"):
        read_data_set(tmp_path / "mnist.pkl")


def test_images_of_the_network_are_taken(tmp_path):
    write_idx(tmp_path)
    assert data_set_for(small_network(), tmp_path).image_shape == (1, 4, 5)


def test_the_recipe_puts_a_border_around_them(tmp_path):
    write_idx(tmp_path)
    found = data_set_for(small_network(height=8, width=9, border=2), tmp_path)
    assert found.image_shape == (1, 8, 9)
    np.testing.assert_array_equal(found.train_images[:, :, 2:-2, 2:-2], read_data_set(tmp_path).train_images)
    assert found.train_images[:, :, [0, 1, -1, -2]].max() == 0
    assert found.source.endswith("with a border of 2 pixels of 0")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"width": 6}, "holds images of 1 x 4 x 5; small takes 1 x 4 x 6"),
        ({"channels": 3}, "holds images of 1 x 4 x 5; small takes 3 x 4 x 5"),
        ({"border": 2}, "holds images of 1 x 4 x 5, 1 x 8 x 9 with the border of the recipe; small takes 1 x 4 x 5"),
        ({"classes": 2}, "has labels up to 2; small has 2 classes, from 0 on"),
    ],
)
def test_images_or_labels_of_another_network_are_refused(tmp_path, network, message):
    write_idx(tmp_path)
    with pytest.raises(UsageError, match=message) as caught:
        data_set_for(small_network(**network), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize("name", ["digits_cnn", "book_mnist", "mnist_cnn", "lenet5", "fashion_mnist_cnn"])
def test_without_a_path_the_digits_come_in_the_size_of_the_network(name):
    network = trainable_network(load_workload(name))
    found = data_set_for(network, None)
    assert found.name == "digits"
    assert found.image_shape == network.input_shape


def test_a_network_of_coloured_images_needs_a_path():
    with pytest.raises(UsageError, match=r"small takes images of 3 x 32 x 32, and scikit-learn's digits are grey"):
        data_set_for(small_network(channels=3, height=32, width=32, classes=10), None)


def test_a_network_of_fewer_classes_than_digits_needs_a_path():
    with pytest.raises(UsageError, match=r"small has 3 classes, and there are 10 digits"):
        data_set_for(small_network(height=8, width=8), None)
