"""The arrow rule: imports point only downwards, function-level and type-checking ones included."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter

import pytest

from tests.house.sources import PACKAGES, modules

ABOVE = ("web", "worker", "training")

# From top to bottom; a module imports only what stands below it. Neighbours on a line do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("client", "embedded", "doctor"),
    ("service",),
    ("desk",),
    ("pages", "review"),
    ("results", "sources", "upkeep", "work"),
    ("jobs", "keys"),
    ("publishing", "queue", "templates", "webhooks"),
    ("measures",),
    ("models", "outside", "store", "uploads"),
    ("readers",),
    ("forms", "strips"),
    ("imaging",),
    ("programs", "system"),
    ("settings",),
    ("domain", "networks"),
    ("addresses",),
    ("errors", "faults"),
)

# Who may import a library, as beginnings of module names
ONLY_IN = {
    "flask": ("web",),
    "apiflask": ("web",),
    "flask_limiter": ("web",),
    "gunicorn": ("web",),
    "prometheus_client": ("web",),
    "celery": ("digitmill.queue", "worker"),
    "kombu": ("digitmill.queue", "worker"),
    "billiard": ("worker",),
    "redis": (
        "digitmill.store.redis",
        "digitmill.store.redis_chunks",
        "digitmill.store.redis_followers",
        "digitmill.store.redis_upkeep",
        "digitmill.store.key_store",
        "digitmill.store.redis_reviews",
        "digitmill.store.redis_templates",
        "digitmill.store.tally_store",
        "digitmill.store.webhook_store",
        "digitmill.store.endpoint_store",
        "digitmill.store.redis_inspection",
        "digitmill.store.redis_mark",
        "digitmill.store.redis_owners",
        "digitmill.store.redis_copy",
        "digitmill.store.redis_audit",
        "digitmill.store.redis_clock",
        "digitmill.store.connection",
        "digitmill.embedded",
    ),
    "tensorflow": ("digitmill.models.engines", "training"),
    "keras": ("digitmill.models.engines", "training"),
    "openvino": ("digitmill.models.engines",),
    "arro3": ("digitmill.results.parquet",),
    "httpx": ("digitmill.client", "digitmill.cli", "digitmill.embedded"),
    "matplotlib": ("training",),
    "typer": ("digitmill.cli", "training"),
    "rich": ("digitmill.cli", "training"),
}


def test_the_core_knows_nobody_above_it() -> None:
    assert offences("digitmill", lambda _, imported: is_within(imported, ABOVE)) == []


@pytest.mark.parametrize("package", ABOVE)
def test_web_worker_and_training_do_not_know_each_other(package: str) -> None:
    others = tuple(other for other in ABOVE if other != package)
    assert offences(package, lambda _, imported: is_within(imported, others)) == []


def test_a_module_of_the_core_imports_only_lower_layers_or_its_own_package() -> None:
    def points_up(name: str, imported: str) -> bool:
        if not (name.startswith("digitmill.") and imported.startswith("digitmill.")):
            return False
        return part_of(imported) != part_of(name) and layer_of(imported) <= layer_of(name)

    assert offences("digitmill", points_up) == []


def test_every_part_of_the_core_has_its_place() -> None:
    parts = {part_of(name) for name in modules("digitmill") if "." in name}
    assert parts == {part for layer in LAYERS for part in layer}


def test_the_client_can_be_lifted_out() -> None:
    client = ("digitmill.client",)
    assert offences("digitmill/client", lambda _, imported: is_own(imported) and not is_within(imported, client)) == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_stays_where_it_belongs(library: str) -> None:
    def strays(name: str, imported: str) -> bool:
        return is_within(imported, (library,)) and not is_within(name, ONLY_IN[library])

    assert [offence for package in PACKAGES for offence in offences(package, strays)] == []


def test_no_imports_run_in_a_circle() -> None:
    known = modules()
    graph = {name: {imported for imported in module.imports if imported in known} for name, module in known.items()}
    TopologicalSorter(graph).prepare()


def test_nothing_is_imported_by_a_computed_name() -> None:
    for module in modules().values():
        text = module.path.read_text()
        assert "import_module(" not in text, module.name
        assert "__import__(" not in text, module.name


def offences(package: str, is_offence: Callable[[str, str], bool]) -> list[str]:
    found = modules(package).values()
    assert found, f"nothing was read in {package}"
    return [
        f"{module.name} imports {imported}"
        for module in found
        for imported in sorted(module.imports)
        if is_offence(module.name, imported)
    ]


def is_within(name: str, beginnings: tuple[str, ...]) -> bool:
    return any(name == beginning or name.startswith(f"{beginning}.") for beginning in beginnings)


def is_own(name: str) -> bool:
    return is_within(name, PACKAGES)


def part_of(name: str) -> str:
    """What stands after ``digitmill.``"""
    return name.split(".")[1]


def layer_of(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part_of(name) in layer)
