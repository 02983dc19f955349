"""What workers measured, as /metrics of the web server tells it, and the administrator's table of all figures."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from digitmill.domain.roles import Role
from digitmill.errors import StorageUnavailable
from digitmill.measures import FAMILIES, JOBS, Measures
from tests.house.sources import ROOT
from tests.pictures import drawn_digit, png
from tests.store.conftest import Bench, take_chunk
from tests.web.conftest import Client, Mill, submitted
from web.context import EXTENSION

STAGES = ("read", "decode", "normalise", "infer", "store")

CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)


def told(client: Client) -> dict[str, float]:
    """The samples as Prometheus writes them."""

    def written(labels: Mapping[str, str]) -> str:
        return ",".join(f"{label}={value}" for label, value in sorted(labels.items()))

    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        f"{sample.name}{{{written(sample.labels)}}}": sample.value for family in families for sample in family.samples
    }


@CHUNKS
def test_rows_failures_and_confidences_of_a_job_are_told_by_model(client: Client, mill: Mill) -> None:
    location = submitted(client, [("1.png", png(drawn_digit(1))), ("b", b"no image"), ("2.png", png(drawn_digit(1)))])
    mill.turn()
    assert client.get(location).json["state"] == "completed"
    mill.service.measures.hand_in()
    found = told(client)
    assert found["digitmill_rows_total{model=digits@1,status=recognized}"] == 2
    assert found["digitmill_rows_total{model=digits@1,status=failed}"] == 1
    assert found["digitmill_failures_total{code=not_an_image}"] == 1
    assert found["digitmill_confidence_count{model=digits@1}"] == 2
    assert found["digitmill_confidence_sum{model=digits@1}"] == pytest.approx(1.96, abs=0.02)
    assert found["digitmill_confidence_bucket{le=0.95,model=digits@1}"] == 0
    assert found["digitmill_confidence_bucket{le=1.0,model=digits@1}"] == 2


@CHUNKS
def test_the_times_of_a_job_and_of_its_chunks_are_told(client: Client, mill: Mill) -> None:
    submitted(client, [(f"{place}.png", png(drawn_digit(1))) for place in range(4)])
    mill.pass_time(20.0)
    mill.turn(1)
    mill.pass_time(200.0)
    mill.turn()
    mill.service.measures.hand_in()
    found = told(client)
    assert found["digitmill_queue_wait_seconds_count{}"] == 1
    assert found["digitmill_queue_wait_seconds_bucket{le=10.0}"] == 0
    assert found["digitmill_queue_wait_seconds_bucket{le=30.0}"] == 1
    assert found["digitmill_job_seconds_count{}"] == 1
    assert found["digitmill_jobs_total{state=completed}"] == 1
    assert {name: found[f"digitmill_chunk_stage_seconds_count{{stage={name}}}"] for name in STAGES} == dict.fromkeys(
        STAGES, 2
    )


def test_a_cancelled_job_is_counted_once(client: Client, mill: Mill) -> None:
    location = submitted(client, [("1.png", png(drawn_digit(1)))])
    for _ in range(2):
        client.post(f"{location}/cancel")
    assert told(client)["digitmill_jobs_total{state=cancelled}"] == 1


def test_a_worker_that_falls_silent_is_counted(client: Client, mill: Mill) -> None:
    location = submitted(client, [("1.png", png(drawn_digit(1)))])
    assert take_chunk(mill.store, location.rpartition("/")[2], 0, mill.service.settings.lease_seconds)
    assert told(client)["digitmill_leases_lost_total{}"] == 0
    mill.pass_time(mill.service.settings.lease_seconds + 1)
    mill.service.recovery.sweep()
    assert told(client)["digitmill_leases_lost_total{}"] == 1


def test_a_job_that_nobody_works_on_is_told_of_for_as_long_as_that_lasts(client: Client, mill: Mill) -> None:
    submitted(client, [("1.png", png(drawn_digit(1)))])
    for waited in range(100, 1600, 100):
        mill.pass_time(100)
        mill.service.recovery.sweep()
        assert told(client)["digitmill_longest_idle_seconds{}"] >= waited


def test_what_waits_for_a_trainer_is_no_work_that_stands_still(client: Client, mill: Mill) -> None:
    bench = Bench(mill.store, mill.pass_time)
    bench.submit(role=Role.TRAINER)
    mill.pass_time(1000)
    bench.submit()
    mill.pass_time(10)
    assert 10 <= told(client)["digitmill_longest_idle_seconds{}"] < 1000


def test_what_the_store_did_not_take_is_handed_in_later_and_once(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    measures, add = Measures(mill.store.tallies), mill.store.tallies.add
    measures.count(JOBS, "failed")

    def lost_answer(*arguments: object, **named: object) -> bool:
        add(*arguments, **named)  # type: ignore[arg-type]
        raise StorageUnavailable("The answer was lost.")

    with monkeypatch.context() as patch:
        patch.setattr(mill.store.tallies, "add", lost_answer)
        with pytest.raises(StorageUnavailable):
            measures.hand_in()
    measures.count(JOBS, "failed")
    measures.hand_in()
    (figure,) = measures.figures()[JOBS]
    assert (figure.labels, figure.count) == (("failed",), 2)


def test_nothing_is_handed_in_where_nothing_was_counted(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mill.store.tallies, "add", None)
    Measures(mill.store.tallies).hand_in()


def test_the_administrators_table_names_every_figure_with_its_labels(client: Client, mill: Mill) -> None:
    submitted(client, [("1.png", png(drawn_digit(1))), ("b", b"no image")])
    mill.turn()
    mill.service.measures.hand_in()
    labels, kinds = {family.name: set(family.labels) for family in FAMILIES}, dict[str, str]()
    client.application.extensions[EXTENSION].metrics.refuse("key")
    for family in text_string_to_metric_families(client.get("/metrics").text):
        if family.name.endswith("_created"):
            continue
        seen = {label for sample in family.samples for label in sample.labels} - {"le"}
        labels[family.name] = labels.get(family.name, set()) | seen
        kinds[family.name] = family.type
    text = (ROOT / "docs" / "administrator.md").read_text()
    section = text.partition("### Figures for Prometheus")[2].partition("\n##")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| .+ \|$", section, re.MULTILINE)
    table = {name.removesuffix("_total"): (kind, set(re.findall(r"`(\w+)`", named))) for name, kind, named in rows}
    assert table == {name: (kinds[name], labels[name]) for name in labels}
    assert all(name.endswith("_total") == (kind == "counter") for name, kind, _ in rows)


@CHUNKS
def test_the_bytes_of_images_that_were_read_are_told(client: Client, mill: Mill) -> None:
    images = [png(drawn_digit(1)), b"no image", png(drawn_digit(7))]
    submitted(client, [(f"{place}.png", image) for place, image in enumerate(images)])
    mill.turn()
    mill.service.measures.hand_in()
    assert told(client)["digitmill_image_bytes_total{}"] == sum(map(len, images))


def test_the_room_on_the_disk_of_uploads_is_told_without_the_store_too(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = shutil.disk_usage(mill.service.settings.var.parent)

    def no_answer() -> None:
        raise StorageUnavailable("It is away.")

    monkeypatch.setattr(mill.store.upkeep, "ping", no_answer)
    found = told(client)
    assert found["digitmill_store_up{}"] == 0
    assert found["digitmill_disk_bytes{}"] == disk.total
    assert 0 < found["digitmill_disk_free_bytes{}"] <= disk.total


def test_a_clock_that_differs_from_that_of_the_store_is_told(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(mill.store), "now", lambda _: time.time() - 30)
    assert told(client)["digitmill_clock_difference_seconds{}"] == pytest.approx(30, abs=5)
