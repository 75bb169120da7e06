"""The VS Code extension as one file that VS Code can install: `python -m tools.vsix`.

Compiled strictly, bundled, and packed into `dist/twinny-lsp-VERSION.vsix`. `python -m tools.vsix FOLDER`
packs a small extension of plain JavaScript, bundled too. Needs npm; the packages are kept below
`.cache/vsix/`, and nothing of theirs is run but the compiler and the bundler. Not for publishing.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tools.packages import CACHE, QUIET, Unavailable, held, run
from tools.vscode_settings import MANIFEST, ROOT

SOURCE = (ROOT / MANIFEST).parent
WORK = CACHE / "vsix"
SHIPPED = ("package.json", "README.md", "dist", "media")
"""What of a built folder goes into the file; the licence is the project's own."""
LICENSE = "extension/LICENSE.txt"
TYPES = {"css": "text/css", "js": "application/javascript", "json": "application/json", "md": "text/markdown"}
TYPES |= {"svg": "image/svg+xml", "txt": "text/plain", "vsixmanifest": "text/xml"}


def packages(work: Path = WORK) -> Path:
    """The extension's npm packages, fetched when they are not those of its lock file; their folder."""
    with held(work):
        lock = (SOURCE / "package-lock.json").read_bytes()
        mark = work / "fetched-lock.json"
        if not mark.is_file() or mark.read_bytes() != lock:
            mark.unlink(missing_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCE / name, work)
            run(["npm", "ci", "--prefix", str(work), *QUIET])
            mark.write_bytes(lock)
    return work / "node_modules"


def build(work: Path = WORK) -> Path:
    """Compile and bundle a copy of the extension; its folder. Raises Unavailable, also for a type error."""
    modules = packages(work)
    folder = work / "extension"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "node_modules").symlink_to(modules)
    run([str(modules / ".bin" / "tsc"), "--project", str(folder)])
    run(["npm", "run", "--silent", "--prefix", str(folder), "build"])
    return folder


def bundle(source: Path, work: Path = WORK) -> Path:
    """A small extension with what it requires put into its one file; its folder. Raises Unavailable."""
    modules = packages(work)
    manifest = json.loads((source / "package.json").read_text(encoding="utf-8"))
    folder = work / str(manifest["name"])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(modules)
    main = folder / manifest["main"]
    made = [
        "--bundle",
        "--platform=node",
        "--external:vscode",
        f"--outfile={folder / 'dist' / 'extension.js'}",
    ]
    run([str(modules / ".bin" / "esbuild"), str(main), *made])
    (folder / "package.json").write_text(json.dumps({**manifest, "main": "./dist/extension.js"}), "utf-8")
    return folder


def pack(folder: Path, target: Path) -> Path:
    """A built extension as a .vsix; the same bytes for the same files."""
    manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    files = {LICENSE: (ROOT / "LICENSE").read_bytes()}
    for name in SHIPPED:
        top = folder / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file():
                files[f"extension/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    parts = {"extension.vsixmanifest": described(manifest), "[Content_Types].xml": types()}
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        for name, content in sorted(files.items()):
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target


def described(manifest: Mapping[str, Any]) -> str:
    """`extension.vsixmanifest`: what an installer wants to know before it unpacks."""
    identity = {"Language": "en-US", "Id": manifest["name"], "Version": manifest["version"]}
    identity |= {"Publisher": manifest["publisher"]}
    attributes = " ".join(f"{key}={quoteattr(str(value))}" for key, value in identity.items())
    kinds = ",".join(manifest.get("extensionKind", ["workspace"]))
    properties = {"Engine": manifest["engines"]["vscode"], "ExtensionKind": kinds}
    written = "\n".join(
        f'      <Property Id="Microsoft.VisualStudio.Code.{key}" Value={quoteattr(value)}/>'
        for key, value in properties.items()
    )
    return f"""\
<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity {attributes}/>
    <DisplayName>{escape(manifest.get("displayName", manifest["name"]))}</DisplayName>
    <Description xml:space="preserve">{escape(manifest.get("description", ""))}</Description>
    <Categories>{escape(",".join(manifest.get("categories", ["Other"])))}</Categories>
    <License>{LICENSE}</License>
    <Properties>
{written}
    </Properties>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="{LICENSE}" Addressable="true"/>
  </Assets>
</PackageManifest>
"""


def types() -> str:
    """`[Content_Types].xml`, which the format asks for."""
    rows = "".join(f'<Default Extension=".{name}" ContentType="{kind}"/>' for name, kind in TYPES.items())
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return (
        f'{head}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{rows}</Types>\n'
    )


def main(argv: list[str]) -> int:
    """Build and pack it, or what is in the folder named; prints the file's path."""
    try:
        folder = bundle(Path(argv[0])) if argv else build()
    except Unavailable as problem:
        print(problem, file=sys.stderr)
        return 1
    manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    print(pack(folder, ROOT / "dist" / f"{manifest['name']}-{manifest['version']}.vsix"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
