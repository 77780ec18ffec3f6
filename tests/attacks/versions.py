"""The tests with every Python that is here, each with the oldest and the newest NumPy and matplotlib that it can have:

    python tests/attacks/versions.py [--only 3.12] [--tests tests/test_kernels.py ...]

Interpreters are those on the PATH, pyenv's and Debian's. Each pair gets a clone of the last commit and an environment of its
own; warnings are errors, as always (setup.cfg). Ends with one row a pair: what was installed, what pytest said.
"""

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

OLDEST = {
    "3.11": {"numpy": "2.0.0", "matplotlib": "3.9.0"},
    "3.12": {"numpy": "2.0.0", "matplotlib": "3.9.0"},
    "3.13": {"numpy": "2.1.0", "matplotlib": "3.9.2"},
    "3.14": {"numpy": "2.3.2", "matplotlib": "3.10.5"},
}
"""By Python, the first releases with a wheel for it that setup.cfg allows."""

SAY = "import numpy, matplotlib, platform as p; print(p.python_version(), numpy.__version__, matplotlib.__version__)"


def interpreters() -> dict[str, str]:
    """The newest executable of each version of Python in OLDEST, by "3.11" and so on."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found: dict[str, tuple[list[int], str]] = {}
    for version in OLDEST:
        by_path = (Path(folder) / f"python{version}" for folder in folders)
        for path in [*by_path, *pyenv.glob(f"versions/*/bin/python{version}")]:
            full = version_of(path)
            if full.startswith(f"{version}."):    # pyenv's stand-in for a version that is not there says nothing
                numbers = [int(number) for number in re.findall(r"\d+", full)]
                found[version] = max(found.get(version, (numbers, str(path))), (numbers, str(path)))
    return {version: path for version, (_, path) in found.items()}


def version_of(python: Path) -> str:
    """What this executable says; empty for one that does not run."""
    if not python.is_file():
        return ""
    said = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True)
    return said.stdout.strip()


def check_lowest() -> None:
    """Is OLDEST what setup.cfg says?"""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    stated = dict(re.findall(r"^(\w+)>=([\d.]+)", config["options"]["install_requires"], re.M))
    for name, version in OLDEST["3.11"].items():
        assert version.removesuffix(".0") == stated[name], f"{name}: setup.cfg says {stated[name]}, OLDEST says {version}"


def run(python: str, pins: dict[str, str], tests: list[str], folder: Path) -> tuple[str, str]:
    """What was installed, and the last line of pytest."""
    clone, environment = folder / "npdeep", folder / "environment"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run([python, "-m", "venv", environment], check=True)
    executable = environment / "bin" / "python"
    wanted = [f"{name}=={version}" for name, version in pins.items()] or ["numpy", "matplotlib"]
    install = [executable, "-m", "pip", "install", "-q", "--upgrade", "--prefer-binary", *wanted, "-e", f"{clone}[test]"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said = subprocess.run([executable, "-c", SAY], check=True, capture_output=True, text=True).stdout.strip()
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    clean |= {"MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "PATH": f"{environment / 'bin'}{os.pathsep}{clean['PATH']}"}
    command = [executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=clone, env=clean, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return said, "\n    ".join([lines[-1].strip("= "), *failed])


def main() -> int:
    """Run the matrix; how many pairs failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(OLDEST), metavar="3.X", help="these versions of Python")
    parser.add_argument("--pins", nargs="+", default=["oldest", "newest"], choices=["oldest", "newest"])
    parser.add_argument("--tests", nargs="+", default=[], help="these tests alone")
    asked = parser.parse_args()
    check_lowest()
    here, rows, failures = interpreters(), [], 0
    for version in asked.only:
        if version not in here:
            rows.append(f"{version}: not here")
            continue
        for which in asked.pins:
            folder = Path(tempfile.mkdtemp(prefix="versions-"))
            try:
                said, result = run(here[version], OLDEST[version] if which == "oldest" else {}, asked.tests, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            failures += " failed" in result or " passed" not in result or " error" in result
            python, numpy, matplotlib = said.split()
            rows.append(f"Python {python}, NumPy {numpy}, matplotlib {matplotlib}: {result}")
            print(rows[-1], flush=True)
    print("\n".join(["", *rows]))
    return failures


if __name__ == "__main__":
    sys.exit(main())
