"""Files that are there whole or not at all."""

import json

import numpy as np
import pytest

from mdlens.io.whole_file import write_arrays, write_json, write_whole


def test_json_has_the_innermost_lists_and_mappings_on_one_line(tmp_path):
    values = {"a": [1, 2.5, None], "b": {"c  d": ["x  [y]", "z"], "e": []}, "f": [[1, 2], (3, 4)], "g": "h"}
    write_json(tmp_path / "a.json", values)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(values))
    assert ' "a": [1, 2.5, null],\n' in text
    assert '  "c  d": ["x  [y]", "z"],\n' in text
    assert "  [1, 2],\n" in text


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.txt"
    write_whole(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "\udc80")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_arrays_come_back(tmp_path):
    file = tmp_path / "a.npz"
    arrays = {"x": np.arange(6.0).reshape(2, 3), "text": np.array("a"), "none": np.zeros((0, 2), np.int8)}
    write_arrays(file, arrays)
    with np.load(file, allow_pickle=False) as found:
        assert set(found.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
    assert list(tmp_path.iterdir()) == [file]


def test_objects_are_no_arrays_and_leave_the_old_file(tmp_path):
    file = tmp_path / "a.npz"
    write_arrays(file, {"x": np.ones(3)})
    with pytest.raises(ValueError, match="Object arrays"):
        write_arrays(file, {"x": np.array([{}], dtype=object)})
    with np.load(file, allow_pickle=False) as found:
        np.testing.assert_array_equal(found["x"], np.ones(3))
    assert list(tmp_path.iterdir()) == [file]
