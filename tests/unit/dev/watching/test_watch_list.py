import json

import pytest

from uncork.dev.watching import WatchList


def test_a_list_survives_being_sent(tmp_path):
    listed = WatchList.of(
        roots=[tmp_path], extra=["/etc/*.yaml"], exclude=["*/tests/*"], settings=["/a/uncork.toml"]
    )
    assert WatchList.from_facts(json.loads(json.dumps(listed.facts()))) == listed


def test_relative_paths_are_seen_from_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    listed = WatchList.of(files=["link/a.py", "real/../b.py"], extra=["conf/*.toml"])
    assert listed.files == (f"{tmp_path}/real/a.py", f"{tmp_path}/b.py")
    assert listed.extra == (f"{tmp_path}/conf/*.toml",)


def test_a_root_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert WatchList.of(roots=[tmp_path / "link"]).roots == (f"{tmp_path}/real",)


def test_two_lists_together_have_each_item_once():
    both = WatchList(roots=("/a", "/b")) | WatchList(roots=("/b", "/c"), files=("/d",))
    assert both == WatchList(roots=("/a", "/b", "/c"), files=("/d",))


@pytest.mark.parametrize("facts", [{"roots": "/a"}, {"files": [1]}, {"extra": None}])
def test_what_is_no_list_is_refused(facts):
    with pytest.raises(ValueError, match="is no list of paths"):
        WatchList.from_facts(facts)
