import subprocess

import pytest

from uncork.dev.watching.gitignore import GitIgnore, rules_around

RULES = """\
# a comment
*.log
!keep.log
/top.py
build/
docs/*.txt
**/deep/*.py
a/**/z.py
gen[0-9].py
trailing.py{blanks}
\\#hash.py
\\!bang.py
foo?.py
[z-a].py
""".replace("{blanks}", "   ")
INNER = """\
!again.log
/only_here.py
"""
PATHS = [
    "x.log",
    "keep.log",
    "sub/x.log",
    "sub/again.log",
    "sub/keep.log",
    "top.py",
    "sub/top.py",
    "docs/a.txt",
    "docs/b/a.txt",
    "sub/docs/a.txt",
    "p/deep/a.py",
    "deep/a.py",
    "a/z.py",
    "a/b/c/z.py",
    "gen1.py",
    "genx.py",
    "trailing.py",
    "#hash.py",
    "!bang.py",
    "foo1.py",
    "foo.py",
    "sub/only_here.py",
    "only_here.py",
    "build",
    "app.py",
]


def test_a_path_is_ignored_where_git_ignores_it(tmp_path):
    root = tmp_path / "repository"
    for folder in {(root / path).parent for path in PATHS}:
        folder.mkdir(parents=True, exist_ok=True)
    (root / ".gitignore").write_text(RULES)
    (root / "sub/.gitignore").write_text(INNER)
    git = ["git", "-c", "core.excludesFile=/dev/null"]
    subprocess.run([*git, "init", "-q", root], check=True, capture_output=True)
    (root / ".git/info/exclude").write_text("excluded.py\n")
    paths = [*PATHS, "excluded.py"]
    said = subprocess.run(
        [*git, "check-ignore", "-z", "--stdin", "--no-index"],
        input="\0".join(paths).encode(),
        capture_output=True,
        cwd=root,
        check=False,
    ).stdout.decode()

    outer = rules_around(str(root)).within(str(root), RULES)
    inner = outer.within(f"{root}/sub", INNER)
    found = [
        path
        for path in paths
        if (inner if path.startswith("sub/") else outer).ignores(f"{root}/{path}", is_folder=False)
    ]
    assert found == [path for path in said.split("\0") if path]


def test_a_rule_for_folders_is_not_for_files():
    rules = GitIgnore().within("/r", "build/\n")
    assert rules.ignores("/r/a/build", is_folder=True)
    assert not rules.ignores("/r/build", is_folder=False)


def test_rules_of_the_folders_around_hold_up_to_the_repository(tmp_path):
    (tmp_path / ".gitignore").write_text("outside.py\n")
    inner = tmp_path / "repository/packages/one"
    inner.mkdir(parents=True)
    (tmp_path / "repository/.git").mkdir()
    (tmp_path / "repository/.gitignore").write_text("inside.py\n")
    rules = rules_around(str(inner))
    assert rules.ignores(f"{inner}/inside.py", is_folder=False)
    assert not rules.ignores(f"{inner}/outside.py", is_folder=False)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "/\n"])
def test_a_file_without_rules_changes_nothing(text):
    rules = GitIgnore()
    assert rules.within("/r", text) is rules
