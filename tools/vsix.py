"""The VS Code extension as one file that VS Code can install: `python -m tools.vsix`.

Compiled strictly, bundled, and packed into `dist/twinny-lsp-VERSION.vsix`. Needs npm; its packages are kept
below `.cache/vsix/`, and nothing of theirs is run but the compiler and the bundler. Not for publishing.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from tools.packages import CACHE, QUIET, Unavailable, held, run
from tools.vscode_settings import MANIFEST, ROOT

SOURCE = (ROOT / MANIFEST).parent
WORK = CACHE / "vsix"
SHIPPED = ("package.json", "README.md", "dist", "media")
"""What of the folder goes into the file; the licence is the project's own."""
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


def pack(folder: Path, target: Path) -> Path:
    """A built extension as a .vsix; the same bytes for the same files."""
    manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    files = {"LICENSE.txt": (ROOT / "LICENSE").read_bytes()}
    for name in SHIPPED:
        top = folder / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file():
                files[path.relative_to(folder).as_posix()] = path.read_bytes()
    parts = {"extension.vsixmanifest": described(manifest).encode(), "[Content_Types].xml": types().encode()}
    parts |= {f"extension/{name}": content for name, content in sorted(files.items())}
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target


def described(manifest: Mapping[str, object]) -> str:
    """`extension.vsixmanifest`: what an installer wants to know before it unpacks."""
    engines, kinds = manifest["engines"], manifest["extensionKind"]
    assert isinstance(engines, dict) and isinstance(kinds, list)
    identity = {"Language": "en-US", "Id": manifest["name"], "Version": manifest["version"]}
    identity |= {"Publisher": manifest["publisher"]}
    attributes = " ".join(f"{key}={quoteattr(str(value))}" for key, value in identity.items())
    properties = {"Engine": engines["vscode"], "ExtensionKind": ",".join(kinds)}
    written = "\n".join(
        f'      <Property Id="Microsoft.VisualStudio.Code.{key}" Value={quoteattr(value)}/>'
        for key, value in properties.items()
    )
    return f"""\
<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity {attributes}/>
    <DisplayName>{escape(str(manifest["displayName"]))}</DisplayName>
    <Description xml:space="preserve">{escape(str(manifest["description"]))}</Description>
    <Categories>{escape(",".join(map(str, manifest["categories"])))}</Categories>
    <License>extension/LICENSE.txt</License>
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
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE.txt" Addressable="true"/>
  </Assets>
</PackageManifest>
"""


def types() -> str:
    """`[Content_Types].xml`, which the format asks for."""
    rows = "".join(f'<Default Extension=".{name}" ContentType="{kind}"/>' for name, kind in TYPES.items())
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f'{head}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{rows}</Types>\n'


def main() -> int:
    """Build and pack it; prints the file's path."""
    try:
        folder = build()
    except Unavailable as problem:
        print(problem, file=sys.stderr)
        return 1
    version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    print(pack(folder, ROOT / "dist" / f"twinny-lsp-{version}.vsix"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
