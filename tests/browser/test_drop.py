"""From the start page to the rows: what a forms clerk does on an ordinary day."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from digitmill.client import Client, Job
from digitmill.imaging.files.formats import FORMATS, format_of
from tests.archives import bad_members, zip_of
from tests.browser.conftest import browsing
from tests.browser.watching import Watch, assert_accessible
from tests.pdfs import dct, flate, pdf, scan
from tests.pictures import BILEVEL_ENCODINGS, COARSE_ENCODINGS, ENCODINGS, drawn_digit, png
from tests.uploads.test_archives import tar_of
from tests.uploads.test_habits import KEPT, SKIPPED
from tests.web.conftest import serving

pytestmark = [pytest.mark.service, pytest.mark.browser]

SEVEN = png(drawn_digit(7))
REASONS = (
    "letter.txt is neither",
    "empty.png is empty",
    "scans.7z is an archive of a kind that is not opened",
    "cut.zip is no complete zip",
)
MAKE_TRANSFER = """(name) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(window.picture)], name, {type: "image/png"}));
    return transfer;
}"""
PASTE = f"""() => document.dispatchEvent(
    new ClipboardEvent("paste", {{clipboardData: ({MAKE_TRANSFER})("image.png"), bubbles: true}})
)"""


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files
    ]
    page.locator("#files").set_input_files(payloads)


def label_of(job: Job) -> object:
    """What the job is called, apart from the digest by which the page knows a pile again."""
    assert set(job.metadata) == {"label", "pile"}
    return job.metadata["label"]


def job_of(page: Page) -> str:
    page.wait_for_url(re.compile(r"/jobs/\w+$"))
    return page.url.rpartition("/")[2]


def test_a_zip_with_bad_members_is_read_filtered_and_downloaded(
    page: Page, api: Client, url: str, tmp_path: Path
) -> None:
    archive, expected = bad_members(SEVEN)
    page.goto("/")
    choose(page, ("scans.zip", archive))
    expect(page.locator("#chosen-text")).to_contain_text("1 file")
    page.get_by_role("button", name="Read the scans").click()
    job = job_of(page)
    expect(page.locator("h1")).to_have_text("scans.zip")
    expect(page.locator("#state")).to_have_text("Done")
    failed = sum(failure is not None for failure in expected.values())
    expect(page.locator('[data-count="failed"]')).to_have_text(str(failed))
    expect(page.locator("#shown")).to_have_text(f"{len(expected)} rows")
    expect(page.get_by_role("gridcell")).to_have_count(len(expected))

    page.get_by_label("Status", exact=True).select_option("failed")
    expect(page.locator("#shown")).to_have_text(f"{failed} of {len(expected)} rows")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Name", exact=True).fill("MIDDLE")
    expect(page.get_by_role("gridcell")).to_have_count(1)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV D", exact=True).click()
    download.value.save_as(tmp_path / "rows.csv")
    plain = httpx.get(f"{url}/v1/jobs/{job}/results?format=csv").content
    assert (tmp_path / "rows.csv").read_bytes() == codecs.BOM_UTF8 + plain
    with page.expect_download() as download:
        page.get_by_role("link", name="List of them").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert {row["name"] for row in rows} == {name for name, failure in expected.items() if failure is not None}
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel").click()
    assert zipfile.ZipFile(download.value.path()).testzip() is None
    assert label_of(api.job(job)) == "scans.zip"


def test_bad_files_are_named_before_anything_is_sent(page: Page) -> None:
    page.goto("/")
    choose(
        page,
        ("seven.png", SEVEN),
        ("letter.txt", b"Dear Sir or Madam"),
        ("empty.png", b""),
        ("scans.7z", b"7z\xbc\xaf\x27\x1c and more"),
        ("cut.zip", b"PK\x03\x04 and no end"),
        ("Thumbs.db", b"x"),
    )
    expect(page.locator("#bad-list li")).to_have_count(4)
    listed = page.locator("#bad-list").inner_text()
    for reason in REASONS:
        assert reason in listed
    expect(page.locator("#chosen-text")).to_contain_text("1 file,")
    expect(page.locator("#litter")).to_contain_text("1 system file")
    expect(page.get_by_role("button", name="Read the scans")).to_be_enabled()
    assert_accessible(page)
    page.locator("#litter summary").click()
    expect(page.locator("#litter li")).to_have_text(["Thumbs.db"])
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("button", name="Read the scans")).to_be_disabled()


def test_the_page_takes_what_the_service_reads(page: Page) -> None:
    grey = drawn_digit(side=30)
    files = [encode(grey) for table in (ENCODINGS, COARSE_ENCODINGS, BILEVEL_ENCODINGS) for encode in table.values()]
    files += [pdf([scan(flate(grey))]), b"\x1b%-12345X@PJL\r\n" + pdf([scan(flate(grey))])]
    assert {format_of(content) for content in files} == set(FORMATS)
    files += [tar_of({"a.png": SEVEN}), tar_of({"a.png": SEVEN}, "w:gz"), zip_of({"a.png": SEVEN})]
    page.goto("/")
    choose(page, *((f"file {number}", content) for number, content in enumerate(files)))
    expect(page.locator("#chosen-text")).to_contain_text(f"{len(files)} files,")
    expect(page.locator("#bad")).to_be_hidden()


PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_pdf_of_a_copier_is_read_page_by_page_and_its_pages_are_looked_at(
    chromium: Browser, url: str, api: Client, size: dict[str, int]
) -> None:
    paper = np.full((1169, 827), 235, np.uint8)
    paper[300:700, 200:600] = np.minimum(drawn_digit(side=400), 235)
    copied = pdf([scan(dct(np.roll(paper, 5 * number, axis=0)), 100) for number in range(40)])
    with browsing(chromium, url, viewport=size, has_touch=size == PHONE) as (context, _):
        page = context.new_page()
        page.goto("/")
        choose(page, ("Scan_0042.pdf", copied))
        page.get_by_role("button", name="Read the scans").click()
        job = job_of(page)
        expect(page.locator("#state")).to_have_text("Done", timeout=120_000)
        expect(page.locator("#shown")).to_have_text("40 rows")
        # a grid holds what is near to be seen
        picture = page.get_by_role("gridcell").nth(5).locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True, timeout=60_000)
        assert picture.evaluate("image => image.naturalWidth") > 0
        # what tells the pages apart is to be seen
        names = page.get_by_role("gridcell").nth(5).locator("small").last
        expect(names).to_have_text("Scan_0042.pdf#6")
        cut = "end => end.getBoundingClientRect().right > end.parentElement.getBoundingClientRect().right + 1"
        assert not names.locator("span").last.evaluate(cut)
        assert_accessible(page)
    assert [row.name for row in api.results(job)] == [f"Scan_0042.pdf#{number}" for number in range(1, 41)]


def test_options_are_those_that_were_chosen(page: Page, api: Client) -> None:
    page.goto("/")
    page.get_by_label("Least confidence in per cent").fill("99.95")
    page.get_by_text("More choices").click()
    page.get_by_label("Dark ink on light paper").check()
    choose(page, ("a.png", SEVEN), ("b.png", SEVEN))
    page.get_by_role("button", name="Read the scans").click()
    job = api.job(job_of(page))
    assert (job.options["review_below"], job.options["polarity"]) == (0.9995, "dark_on_light")
    expect(page.locator("h1")).to_have_text("a.png and 1 more")


def test_no_number_is_no_threshold_and_a_low_one_is_warned_of(page: Page, api: Client) -> None:
    before = len(list(api.jobs()))
    page.goto("/")
    choose(page, ("seven.png", SEVEN))
    page.get_by_role("radio", name="At least").check()
    field, warning = page.get_by_label("Least confidence in per cent"), page.locator("#threshold-warning")
    expect(warning).to_have_text("")
    field.fill("")
    page.get_by_role("button", name="Read the scans").click()
    expect(page).to_have_url(re.compile("/$"))
    assert field.evaluate("field => field.validity.valueMissing")
    assert len(list(api.jobs())) == before
    field.fill("80")
    expect(warning).to_contain_text("about 20.0 % are wrong")
    assert_accessible(page)
    page.get_by_role("radio", name="As the model advises").check()
    expect(warning).to_have_text("")
    field.evaluate("field => { field.value = ''; }")
    page.get_by_role("button", name="Read the scans").click()
    expect(page).to_have_url(re.compile("/jobs/"))


def test_files_can_be_dropped_and_pasted(page: Page) -> None:
    page.goto("/")
    page.evaluate("(bytes) => { window.picture = bytes; }", list(SEVEN))
    page.locator("#drop").dispatch_event("drop", {"dataTransfer": page.evaluate_handle(MAKE_TRANSFER, "dropped.png")})
    expect(page.locator("#chosen-text")).to_contain_text("1 file,")
    page.evaluate(PASTE)
    expect(page.locator("#chosen-text")).to_contain_text("2 files,")


DROP_FAKE = """async () => {
    const { dropped } = await import("/static/files.js");
    const file = (name, folder) => ({
        isFile: true, name, fullPath: `${folder}/${name}`,
        file: (give, fail) => (name.startsWith("gone") ? fail(new Error("gone")) : give(new File(["x"], name))),
    });
    const folder = (name, inner, ofFolder = "") => ({
        isFile: false, name, fullPath: `${ofFolder}/${name}`,
        createReader: () => {
            const left = [...inner];
            const read = (give, fail) => (inner.length ? give(left.splice(0, 100)) : fail(new Error("locked")));
            return {readEntries: read};
        },
    });
    const scans = Array.from({length: 250}, (_, number) => file(`${249 - number}.png`, "/box/scans"));
    const inner = [file("gone.png", "/box"), folder("scans", scans, "/box"), folder("locked", [], "/box")];
    const entries = [folder("box", inner), file("z.png", ""), file("a.png", "")];
    const items = entries.map((entry) => ({kind: "file", webkitGetAsEntry: () => entry}));
    const found = await dropped({items: [...items, {kind: "string"}], files: []});
    return found.map(({file, name}) => [name, file !== null]);
}"""


def test_a_dropped_folder_is_read_to_its_last_file_and_what_cannot_be_read_is_told(page: Page) -> None:
    page.goto("/")
    scans = [[f"box/scans/{number}.png", True] for number in range(250)]
    lost = [["box/gone.png", False], ["box/locked", False]]
    assert page.evaluate(DROP_FAKE) == [*lost, *scans, ["z.png", True], ["a.png", True]]


def test_a_folder_is_dropped_with_the_mouse(page: Page, api: Client, tmp_path: Path) -> None:
    folder = tmp_path / "box 7" / "page"
    folder.mkdir(parents=True)
    for number in range(130):
        (folder / f"{number}.png").write_bytes(SEVEN)
    (folder.parent / "letter.txt").write_text("Dear clerk")
    page.goto("/")
    drop_by_mouse(page, folder.parent)
    expect(page.locator("#chosen-text")).to_contain_text("130 files")
    expect(page.locator("#bad-list")).to_contain_text("box 7/letter.txt is neither")
    page.keyboard.press("Enter")
    job = api.job(job_of(page))
    assert (job.counts.total, label_of(job)) == (130, "box 7")
    assert [row.name for row in api.results(job.id)] == [f"box 7/page/{number}.png" for number in range(130)]


def test_after_one_drop_keys_alone_lead_to_a_checked_table(page: Page, api: Client, tmp_path: Path) -> None:
    pile = tmp_path / "pile.zip"
    pile.write_bytes(zip_of((f"{number}.png", png(drawn_digit(number, 40))) for number in range(10)))
    page.goto("/")
    page.locator("summary", has_text="More choices").focus()
    page.locator("#threshold-own").check()
    page.locator("#threshold-value").fill("100")
    drop_by_mouse(page, pile)
    expect(page.get_by_role("button", name="Read the scans")).to_be_focused()
    page.keyboard.press("Enter")
    job_id = job_of(page)
    expect(page.locator("#state")).to_have_text("Done")
    page.keyboard.press("r")
    expect(page.locator("#row")).to_be_visible()
    corrected = page.locator("#name").inner_text()
    page.keyboard.press("x")
    for _ in range(9):
        page.keyboard.press("Enter")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#sending")).to_have_text("All answers are stored.")
    page.keyboard.press("c")
    expect(page.locator("#counted")).to_contain_text("no accepted rows")
    page.keyboard.press("j")
    expect(page.locator("#state")).to_have_text("Done")
    with page.expect_download() as download:
        page.keyboard.press("d")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert len(rows) == 10
    assert {row["name"] for row in rows if row["status"] == "not_a_digit"} == {corrected}
    assert api.job(job_id).counts.corrected == 10


def drop_by_mouse(page: Page, *paths: Path) -> None:
    """Drag files and folders from the desktop into the middle of the page, as the browser itself tells it."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": data})


def test_an_upload_that_loses_its_connection_is_sent_again_and_counts_once(
    page: Page, context: BrowserContext, watch: Watch, api: Client
) -> None:
    watch.tolerated.append("ERR_INTERNET_DISCONNECTED")
    before = len(list(api.jobs()))
    page.goto("/")
    choose(page, ("a.png", SEVEN))
    expect(page.get_by_role("button", name="Read the scans")).to_be_enabled()
    context.set_offline(True)
    page.get_by_role("button", name="Read the scans").click()
    expect(page.locator("#sending-text")).to_contain_text("connection is lost")
    context.set_offline(False)
    job_of(page)
    assert len(list(api.jobs())) == before + 1


def test_an_upload_can_be_stopped(page: Page, context: BrowserContext, watch: Watch) -> None:
    watch.tolerated.append("ERR_INTERNET_DISCONNECTED")
    page.goto("/")
    choose(page, ("a.png", SEVEN))
    context.set_offline(True)
    page.get_by_role("button", name="Read the scans").click()
    page.get_by_role("button", name="Stop").click()
    context.set_offline(False)
    expect(page.locator("#problem")).to_contain_text("stopped")
    expect(page.get_by_role("button", name="Read the scans")).to_be_visible()


def test_a_folder_keeps_the_names_of_its_folders(page: Page, api: Client, tmp_path: Path) -> None:
    for name in ("page 1/a.png", "page 1/b.png", "page 2/a.png", "page 2/.DS_Store"):
        (tmp_path / "batch" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "batch" / name).write_bytes(SEVEN)
    page.goto("/")
    page.locator("#folder").set_input_files(tmp_path / "batch")
    expect(page.locator("#chosen-text")).to_contain_text("3 files,")
    page.get_by_role("button", name="Read the scans").click()
    job = job_of(page)
    expect(page.locator("#state")).to_have_text("Done")
    expect(page.locator("h1")).to_have_text("batch")
    assert {row.name for row in api.results(job)} == {f"batch/page {name}.png" for name in ("1/a", "1/b", "2/a")}


def test_a_device_to_touch_offers_its_camera_and_others_do_not(chromium: Browser, url: str) -> None:
    for has_touch in (True, False):
        with browsing(chromium, url, has_touch=has_touch) as (context, _):
            page = context.new_page()
            page.goto("/")
            expect(page.get_by_role("button", name="Choose files")).to_be_visible()
            expect(page.get_by_role("button", name="Take a picture")).to_be_visible(visible=has_touch)


def test_what_is_too_much_at_a_time_is_told_before_anything_is_sent(chromium: Browser, tmp_path: Path) -> None:
    limits = {"max_files": 2, "max_upload_bytes": 3000, "max_member_bytes": 1500}
    with serving(tmp_path, **limits) as server, browsing(chromium, server.url) as (context, _):
        page = context.new_page()
        page.goto("/")
        choose(page, *[(f"{number}.png", SEVEN) for number in range(3)])
        expect(page.locator("#refusal")).to_contain_text("3 files, and 2 may be sent")
        expect(page.get_by_role("button", name="Read the scans")).to_be_disabled()
        page.get_by_role("button", name="Remove all").click()
        choose(page, ("a.png", SEVEN + bytes(2000)))
        expect(page.locator("#bad-list")).to_contain_text("an image may have 1.5 kB")
        page.get_by_role("button", name="Remove all").click()
        choose(page, ("scans.zip", zip_of({f"{number}.png": SEVEN for number in range(20)})))
        expect(page.locator("#refusal")).to_contain_text("3 kB may be sent")


def test_the_page_skips_what_the_service_skips(page: Page) -> None:
    page.goto("/")
    names = [*SKIPPED, *KEPT]
    script = """names => {
        const pattern = new RegExp(document.getElementById("upload").dataset.litter, "i");
        return names.map((name) => pattern.test(name.replaceAll("\\\\", "/")));
    }"""
    assert page.evaluate(script, names) == [True] * len(SKIPPED) + [False] * len(KEPT)
