"""Promises outside the code: what is packaged, what imports what, what a bare import costs."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"data": "eyecraft.data", "features": "eyecraft.features", "pipelines": "eyecraft.pipelines"}
FOLDERS |= {"reports": "eyecraft.reports", "api": "eyecraft"}
ORDER = ["eyecraft.data", "eyecraft.features", "eyecraft.pipelines", "eyecraft.reports", "eyecraft"]


def python_files() -> list[Path]:
    """Return the package's source files, relative to the root."""
    return [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def layer(module: str) -> str:
    """Return the folder's package a module belongs to."""
    return next((name for name in ORDER[:-1] if module == name or module.startswith(name + ".")), "eyecraft")


def test_every_folder_with_code_is_listed() -> None:
    """`packages` in pyproject.toml names exactly the folders that hold an `__init__.py`."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = []
    for path in python_files():
        if path.name == "__init__.py":
            top, *rest = path.parent.parts
            found.append(".".join([FOLDERS[top], *rest]))
    assert sorted(listed) == sorted(found)
    for path in python_files():
        assert (ROOT / path.parent / "__init__.py").exists(), f"{path} lies in a folder that is no package"


def test_imports_go_one_way() -> None:
    """A folder imports only from those above it: data, features, pipelines, reports, api.

    Inside a folder imports are relative; a sub-folder reaches its own folder by the full name.
    """
    for path in python_files():
        own = ORDER.index(FOLDERS[path.parts[0]])
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1 or path.parts[1:-1], f"{path}:{node.lineno} reaches outside its folder"
            for module in modules:
                assert module.split(".")[0] not in FOLDERS, f"{path}:{node.lineno} imports bare {module}"
                if module.split(".")[0] == "eyecraft" and module != "eyecraft._version":
                    highest = own if len(path.parts) > 2 else own - 1
                    assert ORDER.index(layer(module)) <= highest, f"{path}:{node.lineno} imports {module}"


@pytest.mark.parametrize("module", ["eyecraft", "eyecraft.data", "eyecraft.features", "eyecraft.pipelines"])
def test_imports_stay_light(module: str) -> None:
    """No torch and no matplotlib before they are needed; the bare package not even NumPy."""
    heavy = ["torch", "torchvision", "matplotlib", "skorch"] + (["numpy", "rich"] if module == "eyecraft" else [])
    script = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(int(version("setuptools").split(".")[0]) < 77, reason="builds with what `make install` installs")
def test_wheel_holds_exactly_the_right_files(tmp_path: Path) -> None:
    """The wheel, built from the sdist, holds every source file at its import path, the extras, and nothing else."""
    copy = tmp_path / "checkout"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "-o", tmp_path / "dist", copy],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    expected = {Path(*FOLDERS[path.parts[0]].split("."), *path.parts[1:]).as_posix() for path in python_files()}
    expected |= {"eyecraft/py.typed", "eyecraft/__init__.pyi"}
    expected |= {f"eyecraft/features/learned/mini-{ending}" for ending in ("tinyimagenet.safetensors", "card.md")}
    expected |= {f"eyecraft/reports/templates/{path.name}" for path in (ROOT / "reports/templates").iterdir()}
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert found == expected


def test_public_names() -> None:
    """The names of `import eyecraft`, against a list: adding or losing one is a decision."""
    import eyecraft

    assert sorted(eyecraft.__all__) == [
        "BagOfVisualWords",
        "CNNClassifier",
        "CNNFeatures",
        "ColorHistogram",
        "Comparison",
        "Dataset",
        "DenseSIFT",
        "FeatureStore",
        "HOG",
        "ImageReadError",
        "LinearSVM",
        "PerClassSplit",
        "RawPixels",
        "RobinsonCompass",
        "SIFT",
        "Sobel",
        "__version__",
        "build",
        "compare",
        "datasets",
        "load_dataset",
        "load_digits",
        "load_folder",
        "read_image",
        "recipes",
        "write_report",
    ]
    for name in eyecraft.__all__:
        assert getattr(eyecraft, name) is not None
    assert set(eyecraft.__all__) <= set(dir(eyecraft))
