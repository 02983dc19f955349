"""Where the programs lie in a wheel: beneath digitmill_programs, since their names are too common for site-packages."""

from setuptools import find_packages, setup

PROGRAMS = ("web", "worker", "training")
BENEATH = "digitmill_programs"
# no package, but what the demo reads
SAMPLES = "samples"

packages = [name for name in find_packages() if name.partition(".")[0] in PROGRAMS]
models = ("model.keras", "manifest.json", "*.png", "openvino/*")
setup(
    packages=[*find_packages(include=["digitmill*"]), *(f"{BENEATH}.{name}" for name in (*packages, SAMPLES))],
    package_dir={f"{BENEATH}.{name}": name for name in (*PROGRAMS, SAMPLES)},
    package_data={
        "digitmill.models": [*(f"builtin/*/*/{name}" for name in models), "reference_set/*"],
        "digitmill.store": ["lua/*.lua"],
        f"{BENEATH}.web": ["templates/*", "static/*", "translations/*/LC_MESSAGES/*.mo"],
        f"{BENEATH}.{SAMPLES}": ["*.tif", "*.png", "*.jpg", "*.zip", "*.csv", "*.json", "LICENSES.md"],
    },
)
