"""Nothing imports upward: the floors of the architecture, read from the import statements."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up. A module may import from its own floor and from those below it.
FLOORS = [
    {
        "errors",
        "archives",
        "baselines",
        "columns",
        "dataset_json",
        "directions",
        "files",
        "intensities",
        "json_files",
        "largest_piece",
        "names",
        "participants",
        "paths",
        "raw_files",
        "settings",
        "table_files",
        "sums",
        "text_files",
        "troubles",
        "volume",
    }
    | {"memory", "metrics", "nifti_header", "nifti_stream", "voxel_values", "__init__"},
    {"dataset", "synthetic_mark", "plans", "pages", "pictures", "statistics", "simulation"},
    {"engine", "tables", "networks"},
    {"preprocessing", "postprocessing", "slices", "brain_network"},
    {"losses", "planning", "dataset_conversion", "quality"},
    {"cohort", "training"},
    {"methods", "base", "brain_training"},
    {"inference"},
    {"evaluation"},
    {"downstream", "figures", "augmentation"},
    {"experiments", "report", "reader_study"},
    {"api"},
    {"cli", "__main__"},
]
FLOOR_OF = {name: height for height, names in enumerate(FLOORS) for name in names}
ROOT_FOLDERS = ("preprocessing", "postprocessing", "dataset_conversion")


def modules():
    files = [*ROOT.glob("hifisyn/**/*.py"), *(f for folder in ROOT_FOLDERS for f in ROOT.glob(f"{folder}/**/*.py"))]
    front_door = ROOT / "hifisyn" / "__init__.py"  # names what lies above it, and imports it when it is used
    return sorted({f for f in files if not any(part.is_symlink() for part in f.parents)} - {front_door})


def room(path):
    parts = path.relative_to(ROOT).parts
    parts = parts[1:] if parts[0] == "hifisyn" else parts
    return parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" if module == "hifisyn" else module for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "hifisyn" and len(parts) > 1:
                yield parts[1] if parts[1] in FLOOR_OF else "__init__"


@pytest.mark.slow
@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    here = FLOOR_OF[room(path)]
    for name in imported_rooms(path):
        assert FLOOR_OF[name] <= here, f"{path.relative_to(ROOT)} imports {name}, which stands above it"


def test_every_room_has_a_floor():
    assert {room(path) for path in modules()} <= set(FLOOR_OF)


def test_no_files_import_each_other_in_a_circle():
    names = {".".join(("hifisyn", *file_parts(path))): path for path in modules()}
    imports = {name: {n for n in imported_modules(path) if n in names} - {name} for name, path in names.items()}
    while free := [name for name, below in imports.items() if not below]:
        for name in free:
            del imports[name]
        for below in imports.values():
            below.difference_update(free)
    assert not imports, f"in a circle, or above one: {sorted(imports)[:5]}"


def file_parts(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "hifisyn" else parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
