"""Another interpreter for tests: a virtual environment that sees the packages of the one that runs the tests."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path


def make_interpreter(folder: Path) -> Path:
    """Make the environment; its interpreter. Nothing is installed, so it takes a moment."""
    venv.create(folder, symlinks=True)
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    # a line that begins with "import" is run at the start: the .pth files of these folders are read, too
    lines = [f"import site; site.addsitedir({place!r})" for place in sorted(places)]
    (own_packages(folder) / "packages_of_the_tests.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "bin" / "python"


def install(folder: Path, name: str, version: str, source: str) -> None:
    """Install a module there as a distribution of its own, which is a plug-in: it hides one of the same name."""
    packages = own_packages(folder)
    (packages / f"{name}.py").write_text(source, encoding="utf-8")
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[convbench]\n{name} = {name}\n", encoding="utf-8")


def own_packages(folder: Path) -> Path:
    """The folder for packages of such an environment; what lies there is found before those of the tests."""
    (found,) = (folder / "lib").glob("python*/site-packages")
    return found
