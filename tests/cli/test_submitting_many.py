"""``digitmill submit``: lists, several jobs, what is left out, and a folder into which scans are dropped."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitmill.cli import drop_folder, main
from digitmill.cli.drop_folder import STILL_SECONDS, DropFolder
from digitmill.client import Client
from digitmill.errors import BadOptions
from tests.client.scripted import Answer, ScriptedService, job_document, problem
from tests.client.test_submit import parts_of
from tests.web.conftest import Server, serving
from tests.web.fakes import one, seven


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(one())
    return folder


def sent_names(service: ScriptedService) -> list[list[str]]:
    """The names of the files of each submission."""
    return [[name for _, name, _ in parts_of(asked) if name] for asked in service.calls("POST", "/v1/jobs")]


def test_files_that_were_left_out_are_told_by_the_exit_status_and_in_words(
    service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("notes.txt", "list.doc"):
        (scans / name).write_bytes(b"no image")
    for more in ([], ["--no-wait"]):
        assert main(["submit", "scans", *more]) == 5
        assert "Left out 2 of 7 files, which are no images: list.doc, notes.txt\n" in capfd.readouterr().err


def test_images_and_archives_that_are_not_read_are_not_called_no_images(
    service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (scans / "a.jxl").write_bytes(b"\xff\x0a" + bytes(50))
    (scans / "b.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(50))
    (scans / "notes.txt").write_bytes(b"no image")
    (scans / "gone.png").symlink_to("nowhere.png")
    assert main(["submit", "scans", "--no-wait"]) == 5
    said = capfd.readouterr().err
    assert "Left out 1 of 9 files, which are no images: notes.txt\n" in said
    assert "Left out 2 of 9 files, which are images or archives of kinds that are not read: a.jxl, b.7z\n" in said
    assert "Left out 1 of 9 files, links that lead nowhere: gone.png\n" in said
    assert sent_names(service) == [[f"scans/{number}.png" for number in range(5)]]


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.JSON", "rows.parquet"])
def test_rows_are_not_written_under_an_ending_that_they_are_not(
    service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["submit", "scans", "--out", name]) == 1
    assert "Rows are not written as" in capfd.readouterr().err
    assert not service.calls("POST", "/v1/jobs")
    assert main(["results", "job1", "--format", "csv", "--out", name]) == 0


def test_a_failed_image_weighs_more_than_a_file_that_was_left_out(service: ScriptedService, scans: Path) -> None:
    (scans / "notes.txt").write_bytes(b"no image")
    counts = {"recognized": 1, "failed": 1}
    service.on("GET", "/v1/jobs/job1", Answer(job_document("completed", total=2, counts=counts)))
    assert main(["submit", "scans"]) == 3


def test_a_list_names_what_is_sent(service: ScriptedService, scans: Path) -> None:
    Path("list.txt").write_text("scans/3.png\n\nscans/1.png\n")
    assert main(["submit", "--from-file", "list.txt", "scans/0.png", "--no-wait"]) == 0
    assert sent_names(service) == [["scans/0.png", "scans/3.png", "scans/1.png"]]


def test_a_list_may_come_from_standard_input(service: ScriptedService, scans: Path) -> None:
    command = "import sys; from digitmill.cli import main; sys.exit(main())"
    arguments = [sys.executable, "-c", command, "submit", "--from-file", "-", "--no-wait"]
    listed = b"scans/4.png\0scans/2.png\0"
    assert subprocess.run(arguments, input=listed, capture_output=True, timeout=120).stdout == b"job1\n"
    assert sent_names(service) == [["scans/4.png", "scans/2.png"]]


@pytest.mark.parametrize("listed", ["", "\n", "scans/9.png\n"])
def test_a_list_of_nothing_is_said(
    service: ScriptedService, scans: Path, listed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("list.txt").write_text(listed)
    assert main(["submit", "--from-file", "list.txt"]) == 1
    assert ("names no file" if "9" in listed else "nothing to send") in capfd.readouterr().err
    assert service.asked == []


def test_several_jobs_have_so_many_files_each_and_rows_of_their_own(
    service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "scans", "--split", "2", "--no-wait"]) == 0
    assert sent_names(service) == [["scans/0.png", "scans/1.png"], ["scans/2.png", "scans/3.png"], ["scans/4.png"]]
    assert capfd.readouterr().out == "job1\n" * 3
    assert main(["submit", "scans", "--split", "3", "--out", "rows.csv"]) == 0
    assert sorted(path.name for path in Path().glob("rows*")) == ["rows-1.csv", "rows-2.csv"]
    assert main(["submit", "scans", "--split", "3"]) == 1
    assert "name a file with --out" in capfd.readouterr().err


def test_very_many_files_are_sent_in_bounded_memory(service: ScriptedService, tmp_path: Path) -> None:
    picture = tmp_path / "7.png"
    picture.write_bytes(one())
    listed = b"7.png\n" * 20_000
    program = """
import resource, sys
from digitmill.cli import main
sys.argv[1:] = ["submit", "--from-file", "-", "--split", "500", "--no-wait"]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert main() == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], input=listed, capture_output=True, cwd=tmp_path, timeout=500)
    *ids, grown = done.stdout.split()
    assert ids == [b"job1"] * 40, done.stderr
    assert int(grown) < 60_000  # KiB
    assert sum(map(len, sent_names(service))) == 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("drops"), max_upload_bytes=1 << 20) as started:
        started.turn()
        yield started


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Drops:
    """A drop folder and the program that watches it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.clock, self.client = folder, Clock(), Client(url)
        self.start()

    def start(self) -> None:
        self.program = DropFolder(self.client, self.folder, {"alternatives": 0, "model": None}, self.clock)

    def drop(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def look(self) -> None:
        """Look twice, far enough from each other for what does not grow."""
        self.program.look()
        self.clock.seconds += STILL_SECONDS
        self.program.look()

    def files(self, place: str = "") -> list[str]:
        return sorted(path.name for path in (self.folder / place).iterdir() if path.is_file())

    def jobs(self) -> int:
        return len(list(self.client.jobs()))


@pytest.fixture
def drops(tmp_path: Path, server: Server) -> Iterator[Drops]:
    drops = Drops(tmp_path, server.url)
    with drops.client:
        for job in drops.client.jobs():
            drops.client.delete(job.id)
        yield drops


def test_a_scan_is_read_once_and_its_rows_lie_beside_it(drops: Drops) -> None:
    drops.drop("a.png", seven())
    drops.look()
    drops.look()
    assert (drops.files(), drops.files("done")) == ([], ["a.png", "a.png.csv"])
    (row,) = csv.DictReader(io.StringIO((drops.folder / "done/a.png.csv").read_text()))
    assert (row["name"], row["prediction"]) == ("a.png", "7")
    assert drops.jobs() == 1


def test_a_file_that_grows_is_left_alone_until_it_is_whole(drops: Drops) -> None:
    drops.drop("a.png", b"")
    drops.look()
    for end in (50, 100, 150):
        drops.drop("a.png", seven()[:end])
        drops.program.look()
        drops.clock.seconds += STILL_SECONDS - 1
        drops.program.look()
    assert (drops.files(), drops.jobs()) == (["a.png"], 0)
    drops.drop("a.png", seven())
    drops.look()
    assert drops.files("done") == ["a.png", "a.png.csv"]


def test_a_file_that_grew_while_it_was_sent_is_sent_again_whole(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    drops.drop("a.png", seven()[:100])
    submit = drops.client.submit

    def grow(*args: object, **more: object) -> object:
        job = submit(*args, **more)  # type: ignore[arg-type]
        drops.drop("a.png", seven())
        return job

    monkeypatch.setattr(drops.client, "submit", grow)
    drops.look()
    monkeypatch.undo()
    assert (drops.files(), drops.jobs()) == (["a.png"], 0)
    drops.look()
    assert "recognized" in (drops.folder / "done/a.png.csv").read_text()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("instant", ["submit", "wait", "results_csv", "move"])
def test_whatever_ends_the_program_the_next_start_finishes_the_same_job(
    drops: Drops, instant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops.drop("a.png", seven())
    where, name = (drop_folder, "_move") if instant == "move" else (drops.client, instant)
    real = getattr(where, name)

    def die(*args: object, **more: object) -> None:
        if instant != "move":
            real(*args, **more)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(where, name, die)
        with pytest.raises(Killed):
            drops.look()
    assert drops.files() == ["a.png"]
    drops.start()
    drops.look()
    assert (drops.files(), drops.files("done")) == ([], ["a.png", "a.png.csv"])
    assert drops.jobs() == 1


def test_what_is_no_scan_or_is_refused_goes_to_failed_with_the_reason(drops: Drops) -> None:
    drops.drop("notes.txt", b"no image")
    drops.drop("cut.zip", b"PK\x03\x04 cut off")
    drops.drop("large.png", one() + bytes(1 << 20))
    drops.drop("good.png", one())
    drops.look()
    assert drops.files("done") == ["good.png", "good.png.csv"]
    assert drops.files("failed") == [
        "cut.zip", "cut.zip.txt", "large.png", "large.png.txt", "notes.txt", "notes.txt.txt",
    ]  # fmt: skip
    assert "no image" in (drops.folder / "failed/notes.txt.txt").read_text()
    assert "more than 1,048,576 bytes" in (drops.folder / "failed/large.png.txt").read_text()


def test_a_name_that_comes_again_covers_nothing(drops: Drops) -> None:
    for content in (one(), seven()):
        drops.drop("a.png", content)
        drops.look()
    assert drops.files("done") == ["a-2.png", "a-2.png.csv", "a.png", "a.png.csv"]
    assert ",7," in (drops.folder / "done/a-2.png.csv").read_text()


def test_litter_and_folders_stay_where_they_are(drops: Drops, capfd: pytest.CaptureFixture[str]) -> None:
    drops.drop(".b.png", one())
    drops.drop("Thumbs.db", b"x")
    (drops.folder / "sub").mkdir()
    drops.look()
    drops.look()
    assert (drops.files(), drops.jobs()) == ([".b.png", "Thumbs.db"], 0)
    assert capfd.readouterr().err.count("Skipped") == 2


def test_a_name_that_is_no_utf_8_is_sent_as_it_can_be_shown(drops: Drops) -> None:
    name = os.fsdecode(b"bad\xff.png")
    drops.drop(name, seven())
    drops.drop("good.png", one())
    drops.look()
    assert drops.files("done") == [name, f"{name}.csv", "good.png", "good.png.csv"]
    assert "bad\ufffd.png" in (drops.folder / f"done/{name}.csv").read_text()


def test_what_is_not_sent_is_told_once(drops: Drops, capfd: pytest.CaptureFixture[str]) -> None:
    drops.drop("empty.png", b"")
    (drops.folder / "sub").mkdir()
    (drops.folder / "link.png").symlink_to("nowhere")
    drops.look()
    drops.look()
    said = capfd.readouterr().err
    for told in ("empty.png is empty", "The folder sub is not looked into", "link.png is no file"):
        assert said.count(told) == 1
    assert (drops.jobs(), said.count("\n")) == (0, 3)


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_sent(
    drops: Drops, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop_folder, "AT_ONCE", 1)
    drops.drop("a.png", seven())
    drops.drop("b.png", one())
    key = drops.program._key
    monkeypatch.setattr(
        drops.program,
        "_key",
        # the tests may run as root, who may read all
        lambda path, state: key(path / "no" if path.name == "a.png" else path, state),
    )
    drops.look()
    drops.look()
    assert (drops.files(), drops.files("done")) == (["a.png"], ["b.png", "b.png.csv"])
    assert capfd.readouterr().err.count("a.png cannot be read or moved (Not a directory): it stays.") == 1


def test_while_the_service_is_busy_files_stay(
    service: ScriptedService, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service.on("POST", "/v1/jobs", problem(503, "overloaded", "Too much to do."))
    drops = Drops(tmp_path, service.url)
    with drops.client:
        drops.drop("a.png", one())
        drops.look()
        assert "a.png stays until the service answers" in capfd.readouterr().err
        assert (drops.files(), drops.files("failed")) == (["a.png"], [])


@pytest.mark.parametrize("more", [["a.png"], ["--from-file", "x"], ["--split", "2"], ["--out", "x"]])
def test_a_watched_folder_is_given_alone(tmp_path: Path, more: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--watch", str(tmp_path), *more]) == 1
    assert "give it alone" in capfd.readouterr().err
    with pytest.raises(BadOptions):
        DropFolder(Client("http://127.0.0.1:1"), tmp_path / "none", {})
