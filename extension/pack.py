"""Packs the extension for the store: the same bytes from the same files, on any machine."""

import json
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
KINDS = {".css", ".html", ".js", ".json", ".md", ".png"}
TOOLING = {"eslint.config.js", "package.json", "package-lock.json", "tsconfig.json"}
MOMENT = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can name."""


def files() -> list[Path]:
    """What is needed to run it, in an order that no file system decides."""
    found = [
        one
        for one in HERE.rglob("*")
        if one.suffix in KINDS and one.name not in TOOLING and "node_modules" not in one.parts
    ]
    return sorted(found, key=lambda one: one.relative_to(HERE).as_posix())


def content(file: Path) -> bytes:
    """A file's bytes; the manifest goes without its key, which the store gives itself."""
    if file != HERE / "manifest.json":
        return file.read_bytes()
    manifest = json.loads(file.read_text(encoding="utf-8"))
    del manifest["key"]
    return json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n"


def pack(folder: Path) -> Path:
    """Write ``copilot-extension-VERSION.zip``, uncompressed: the store compresses it anew."""
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"copilot-extension-{manifest['version']}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as made:
        for file in files():
            entry = zipfile.ZipInfo(file.relative_to(HERE).as_posix(), MOMENT)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            made.writestr(entry, content(file))
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: pack.py FOLDER")
    print(pack(Path(sys.argv[1])))
