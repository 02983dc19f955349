import io
import os
import zipfile
from pathlib import Path

import pytest

from digitmill.cli import gathering
from digitmill.cli.gathering import Files, Gathering, batches, bundled, listed
from digitmill.errors import BadOptions
from tests.archives import zip_of
from tests.web.fakes import one


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


def gather(*arguments: str) -> tuple[Gathering, Files]:
    gathering = Gathering(arguments)
    return gathering, list(gathering.files())


def names(*arguments: str) -> list[str]:
    return [name for name, _ in gather(*arguments)[1]]


def test_a_folder_is_taken_with_all_below_it_by_name(scans: Path) -> None:
    assert names("scans") == ["scans/a.png", "scans/b.PNG", "scans/d.zip", "scans/deep/c.tiff"]


def test_what_a_folder_holds_besides_images_is_told(scans: Path) -> None:
    assert gather("scans")[0].left_out.names == ["notes.txt"]


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
        gather(argument)


def test_a_folder_without_images_is_said(scans: Path) -> None:
    (scans / "empty").mkdir()
    with pytest.raises(BadOptions, match="holds no images"):
        gather("scans/empty")


def test_few_files_go_as_they_are(scans: Path) -> None:
    _, files = gather("scans")
    with bundled(files) as sent:
        assert sent == files


def test_many_loose_images_become_zips_in_the_same_order(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_LOOSE_FILES", 2)
    with bundled(gather("scans")[1]) as sent:
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
    gathering, _ = gather("scans")
    assert (gathering.litter.count, gathering.litter.names) == (2, [".hidden.png", "SYNOPHOTO_THUMB_M.jpg"])
    assert (gathering.left_out.count, gathering.left_out.names) == (1, ["notes.txt"])


def test_a_file_of_a_folder_is_an_image_by_its_content_whatever_its_ending(scans: Path) -> None:
    for name, content in (("scan001", one()), ("export.dat", zip_of({"a.png": one()})), ("page.pd", b"%PDF-1.7\n")):
        (scans / name).write_bytes(content)
    gathering, files = gather("scans")
    assert {name for name, _ in files} >= {"scans/scan001", "scans/export.dat", "scans/page.pd", "scans/a.png"}
    assert gathering.left_out.names == ["notes.txt"]


def test_only_the_first_names_of_many_are_kept(scans: Path) -> None:
    for number in range(10, 29):
        (scans / f"{number}.txt").write_bytes(b"no image")
    gathering, _ = gather("scans")
    assert (gathering.left_out.count, gathering.left_out.names) == (20, [f"{number}.txt" for number in range(10, 20)])


def test_a_batch_at_a_time_is_taken_from_the_files(scans: Path) -> None:
    gathering = Gathering(["scans"])
    taken = batches(gathering.files(), 3)
    assert [name for name, _ in next(taken)] == ["scans/a.png", "scans/b.PNG", "scans/d.zip"]
    assert gathering.taken == 3
    assert [[name for name, _ in batch] for batch in taken] == [["scans/deep/c.tiff"]]


@pytest.mark.parametrize(
    "content",
    [
        b"a.png\nb c.png\n",
        b"a.png\r\nb c.png",
        b"\xef\xbb\xbfa.png\n\nb c.png\n",
        b"a.png\0b c.png\0",
        b"a.png\0b c.png",
    ],
)
def test_a_list_has_a_path_a_line_or_one_before_each_nul(content: bytes) -> None:
    assert list(listed(io.BytesIO(content))) == ["a.png", "b c.png"]


def test_a_list_by_nul_may_have_line_breaks_in_names_and_bytes_that_are_no_text() -> None:
    assert list(listed(io.BytesIO(b"a\nb.png\0caf\xe9.png\0"))) == ["a\nb.png", "caf\udce9.png"]
    assert list(listed(io.BytesIO(b""))) == []


def test_a_pipe_is_left_out_of_a_folder_and_refused_where_it_is_named(scans: Path) -> None:
    os.mkfifo(scans / "scanner.png")
    found, files = gather("scans")
    assert "scans/scanner.png" not in [name for name, _ in files]
    assert "scanner.png" in found.left_out.names
    with pytest.raises(BadOptions, match="a pipe or a device"):
        gather("scans/scanner.png")
    with pytest.raises(BadOptions, match="a pipe or a device"):
        gather("scans/*")
    with pytest.raises(BadOptions, match="a pipe or a device"):
        gather("/dev/zero")


def test_an_empty_name_does_not_mean_the_present_folder(scans: Path) -> None:
    assert names(".")
    with pytest.raises(BadOptions, match="An empty name"):
        gather("")
