"""A base image without a registry: this machine's Python, a shell, and the libraries that they need."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("/bin/sh", "/bin/sleep", "/usr/bin/env")
C_LIBRARY = ("librt.so.1", "libpthread.so.0", "libdl.so.2", "libm.so.6", "libutil.so.1", "libresolv.so.2")
LOADED_LATER = ("libgomp.so.1", "libstdc++.so.6", "libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2", *C_LIBRARY)
"""By the modules of wheels, and by the C library itself: no program here names them."""


def lay_out(root):
    """Fill the folder `root`."""
    home = Path(sys.base_prefix)
    left_out = shutil.ignore_patterns("test", "idlelib", "tkinter", "__pycache__", "share")
    shutil.copytree(home, root / "usr/local", symlinks=True, ignore=left_out)
    for name in ("bin", "tmp", "etc", "proc", "dev", "usr/bin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for program in PROGRAMS:
        shutil.copy(program, root / "bin")
    shutil.copy("/usr/bin/env", root / "usr/bin")
    modules = list((root / "usr/local").rglob("*.so*"))
    linked = subprocess.run(
        ["ldd", *PROGRAMS, sys.executable, *map(str, modules)], capture_output=True, text=True, check=False
    ).stdout
    libraries = {Path(found) for found in re.findall(r"(?:=> |^\s+)(/\S+)", linked, flags=re.MULTILINE)}
    libraries |= {
        Path(found)
        for name in LOADED_LATER
        for found in re.findall(rf"{re.escape(name)} .*=> (\S+)", _known_libraries())
    }
    for library in libraries:
        if not library.is_relative_to(root):
            place = root / library.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)


def _known_libraries():
    return subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
