import zipfile
from pathlib import Path

import pytest

from digitmill.cli import gathering
from digitmill.cli.gathering import bundled, gather
from digitmill.errors import BadOptions


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """scans/ with images at two depths, a zip and files that are no images; the current folder is its parent."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "scans/b.PNG",
        "scans/a.png",
        "scans/deep/c.tiff",
        "scans/d.zip",
        "scans/notes.txt",
        "scans/.hidden.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "scans"


def names(*arguments: str) -> list[str]:
    return [name for name, _ in gather(arguments).files]


def test_a_folder_is_taken_with_all_below_it_by_name(scans: Path) -> None:
    assert names("scans") == ["scans/a.png", "scans/b.PNG", "scans/d.zip", "scans/deep/c.tiff"]


def test_what_a_folder_holds_besides_images_is_told(scans: Path) -> None:
    assert [path.name for path in gather(["scans"]).left_out] == ["notes.txt"]


def test_a_file_that_is_named_is_taken_whatever_its_ending(scans: Path) -> None:
    assert names("scans/notes.txt") == ["scans/notes.txt"]


def test_arguments_keep_their_order(scans: Path) -> None:
    assert names("scans/d.zip", "scans/a.png") == ["scans/d.zip", "scans/a.png"]


def test_a_pattern_that_the_shell_left_alone_is_expanded(scans: Path) -> None:
    assert names("scans/**/*.tiff", "scans/?.png") == ["scans/deep/c.tiff", "scans/a.png"]


def test_a_file_with_a_bracket_in_its_name_is_no_pattern(scans: Path) -> None:
    (scans / "e[1].png").write_bytes(b"")
    assert names("scans/e[1].png") == ["scans/e[1].png"]


def test_absolute_paths_are_shortened_to_what_the_user_named(scans: Path) -> None:
    assert names(str(scans / "deep")) == ["deep/c.tiff"]
    assert names(str(scans / "a.png")) == ["a.png"]
    assert names("scans/../scans/deep") == ["deep/c.tiff"]


@pytest.mark.parametrize("argument", ["nowhere.png", "nowhere/*.png"])
def test_an_argument_that_names_nothing_is_said(scans: Path, argument: str) -> None:
    with pytest.raises(BadOptions, match="no file and no folder"):
        gather([argument])


def test_a_folder_without_images_is_said(scans: Path) -> None:
    (scans / "empty").mkdir()
    with pytest.raises(BadOptions, match="holds no images"):
        gather(["scans/empty"])


def test_few_files_go_as_they_are(scans: Path) -> None:
    files = gather(["scans"]).files
    with bundled(files) as sent:
        assert sent == files


def test_many_loose_images_become_zips_in_the_same_order(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_LOOSE_FILES", 2)
    with bundled(gather(["scans"]).files) as sent:
        first, middle, last = sent
        assert middle[0] == "scans/d.zip"
        members = []
        for _, path in (first, last):
            with zipfile.ZipFile(path) as archive:
                assert all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
                members += [(name, archive.read(name).decode()) for name in archive.namelist()]
        folder = first[1].parent
    assert members == [(name, name) for name in ("scans/a.png", "scans/b.PNG", "scans/deep/c.tiff")]
    assert not folder.exists()


def test_a_name_that_is_no_text_is_still_sent(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.png"
    path.write_bytes(b"")
    assert names(str(path)) == ["caf\ufffd.png"]


def test_litter_in_a_folder_is_told_apart_whatever_its_ending(scans: Path) -> None:
    (scans / "@eaDir/a.png").mkdir(parents=True)
    (scans / "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg").write_bytes(b"x")
    gathered = gather(["scans"])
    assert [path.name for path in gathered.litter] == [".hidden.png", "SYNOPHOTO_THUMB_M.jpg"]
    assert [path.name for path in gathered.left_out] == ["notes.txt"]
