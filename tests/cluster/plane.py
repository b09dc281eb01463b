#!/usr/bin/env python3
"""The local control plane: real etcd, kube-apiserver and kube-controller-manager on 127.0.0.1, and stores beside them on request.

    plane.py up [--json FILE] [--with openbao,moto,helm] [--audit]
    plane.py with [--with openbao,moto,helm] [--audit] -- COMMAND ARGS...

`up` writes a description (below) to FILE or to standard output and stays until its standard input closes or it gets SIGINT or
SIGTERM. `with` runs a command that finds the description's path in KEYFERRY_TEST_PLANE, and ends with the command's exit code.
Both then end exactly the processes that they started and remove their directory. Should they die without a chance to do so, the
kernel ends the processes (Linux).

The description is one JSON object:

    dir          work directory with a log per process
    server, ca   the API server's URL and the file of the CA that signed its certificate
    ca_key       that CA's key; the API server takes client certificates signed by it (common name = user, organisation = groups)
    token        a bearer token of a user in system:masters
    kubeconfig   a file with all that
    kubectl      the program of the API server's version
    helm         the program, or null            (--with helm)
    openbao      {"address", "token", "binary"} or null    (--with openbao)
    moto         {"address"} or null             (--with moto)
    audit        the audit log: a JSON event a line, level Metadata, or null   (--audit)

There is no kubelet: pods are never run. `KUBEBUILDER_ASSETS` is used if it holds all three programs. Any number of control planes
can run at once.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import functools
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import parts  # noqa: E402

# Ready 4 s after the start on two idle cores; a machine that compiles at the same time needs a multiple.
READY_WITHIN_S = 120
# Below the range that the kernel gives to outgoing connections, so that none of those can take a port between choice and use.
PORTS = range(20000, 32000)
# What a process gets to end by itself. All its data is thrown away, so there is nothing to wait for.
GRACE_S = 3
PREFIX, LOCK = "keyferry-plane-", "lock"
AUDIT_LOG = "audit.log"
STORES = ("openbao", "moto", "helm")
CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
)


class PlaneError(Exception):
    """The control plane did not come up; the text shows the end of the log of the process at fault."""


@dataclass
class Processes:
    """Child processes, each in a session of its own, ended in reverse order of their start."""

    directory: Path
    running: list = field(default_factory=list)

    def start(self, name: str, command: list, **environment: str) -> subprocess.Popen:
        """Starts a process whose output goes to `<name>.log`. Ctrl-C in the terminal reaches us alone: we end it in order."""
        with open(self.log(name), "ab") as log:
            child = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.directory,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        self.running.append((name, child))
        return child

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.directory / f"{name}.log"

    def wait_until(self, what: str, ready, within: float = READY_WITHIN_S) -> None:
        """Polls `ready` until it is true; fails at once if a process ended, and after `within` seconds."""
        deadline = time.monotonic() + within
        while not ready():
            self._check_all_run()
            if time.monotonic() > deadline:
                name = self.running[-1][0]
                raise PlaneError(f"{what} not ready after {within:.0f} s; end of {name}.log:\n{parts.tail(self.log(name))}")
            time.sleep(0.05)

    def _check_all_run(self) -> None:
        for name, child in self.running:
            if child.poll() is not None:
                raise PlaneError(f"{name} ended with {child.returncode}; end of its log:\n{parts.tail(self.log(name))}")

    def stop(self, child: subprocess.Popen) -> None:
        """Ends one process and what it started."""
        self.running = [row for row in self.running if row[1] is not child]
        _end([child])

    def stop_all(self) -> None:
        """Ends every process that was started here, the last one first."""
        _end([child for _, child in reversed(self.running)])
        self.running = []


def _die_with_parent():
    """A hook for the child that asks the kernel to end it when we die (Linux; elsewhere nothing). Loaded before the fork."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent, set_death_signal = ctypes.CDLL(None).prctl, os.getpid(), 1

    def hook() -> None:
        prctl(set_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return hook


def _end(children: list) -> None:
    for child in children:
        _signal_session(child, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
        _signal_session(child, signal.SIGKILL)
        child.wait()


def _signal_session(child: subprocess.Popen, number: int) -> None:
    # The group has the child's id and lives on while any of its members does, so the id cannot have passed to a stranger
    # before the child was waited for.
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


@contextlib.contextmanager
def plane(stores=(), audit: bool = False):
    """The control plane and the named stores, as a description (see the top); all gone when the block is left."""
    with scratch() as directory:
        processes = Processes(directory)
        try:
            yield start(processes, stores, audit)
        finally:
            processes.stop_all()


@contextlib.contextmanager
def scratch():
    """A directory of our own for the time of the block. What a run that was killed left behind is removed first."""
    _sweep()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with open(directory / "lock.new", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Named only once it is held, so that nobody's sweep can take it before.
            (directory / "lock.new").rename(directory / LOCK)
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _sweep() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Held by its owner as long as that lives; of another user; or gone already.
        with contextlib.suppress(OSError), open(directory / LOCK, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)


def start(processes: Processes, stores, audit: bool) -> dict:
    """Builds what is missing, starts everything, waits until all of it answers, and describes it."""
    programs = {name: parts.find(name) for name in (*parts.CONTROL_PLANE, "kubectl", "certs", *_programs_of(stores))}
    begun = time.monotonic()
    openbao = _start_openbao(processes, programs) if "openbao" in stores else None
    moto = _start_moto(processes, programs) if "moto" in stores else None
    described = _start_kubernetes(processes, programs, audit)
    described.update(
        helm=str(programs["helm"]) if "helm" in stores else None,
        openbao=openbao,
        moto=moto,
        audit=str(processes.directory / AUDIT_LOG) if audit else None,
    )
    _wait_for_all(processes, described)
    parts.say(f"control plane{''.join(f', {name}' for name in stores)} ready after {time.monotonic() - begun:.1f} s")
    return described


def _programs_of(stores) -> list:
    return [{"openbao": "bao", "moto": "moto_server", "helm": "helm"}[name] for name in stores]


def _start_openbao(processes: Processes, programs: dict) -> dict:
    port, token = free_port(), f"root-{random.SystemRandom().randrange(1 << 64):016x}"
    listen = [f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={token}", "-dev-no-store-token"]
    processes.start("openbao", [programs["bao"], "server", "-dev", *listen])
    return {"address": f"http://127.0.0.1:{port}", "token": token, "binary": str(programs["bao"])}


def _start_moto(processes: Processes, programs: dict) -> dict:
    port = free_port()
    processes.start("moto", [programs["moto_server"], "-H", "127.0.0.1", "-p", str(port)])
    return {"address": f"http://127.0.0.1:{port}"}


def _start_kubernetes(processes: Processes, programs: dict, audit: bool) -> dict:
    directory, token = processes.directory, f"admin-{random.SystemRandom().randrange(1 << 128):032x}"
    subprocess.run([str(programs["certs"]), str(directory)], check=True)
    (directory / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    etcd = _start_etcd(processes, programs)
    server = _start_apiserver(processes, programs, etcd, audit)
    kubeconfig = directory / "admin.kubeconfig"
    write_kubeconfig(kubeconfig, server, directory / "ca.crt", token)
    _start_controller_manager(processes, programs, kubeconfig)
    return {
        "dir": str(directory),
        "server": server,
        "ca": str(directory / "ca.crt"),
        "ca_key": str(directory / "ca.key"),
        "token": token,
        "kubeconfig": str(kubeconfig),
        "kubectl": str(programs["kubectl"]),
    }


def _start_etcd(processes: Processes, programs: dict) -> str:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    flags = {
        "name": "plane",
        "data-dir": processes.directory / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"plane={peer}",
        "unsafe-no-fsync": "true",
        "quota-backend-bytes": 8 << 30,
        "log-level": "warn",
    }
    processes.start("etcd", [programs["etcd"], *_flags(flags)])
    return client


def _start_apiserver(processes: Processes, programs: dict, etcd: str, audit: bool) -> str:
    directory, port = processes.directory, free_port()
    flags = {
        "etcd-servers": etcd,
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": directory / "server.crt",
        "tls-private-key-file": directory / "server.key",
        "client-ca-file": directory / "ca.crt",
        "token-auth-file": directory / "tokens.csv",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
        "service-cluster-ip-range": "10.0.0.0/24",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": directory / "sa.pub",
        "service-account-signing-key-file": directory / "sa.key",
        "endpoint-reconciler-type": "none",
        **_audit_flags(directory, audit),
    }
    processes.start("kube-apiserver", [programs["kube-apiserver"], *_flags(flags)])
    return f"https://127.0.0.1:{port}"


def _audit_flags(directory: Path, audit: bool) -> dict:
    if not audit:
        return {}
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }
    (directory / "audit.json").write_text(json.dumps(policy))
    return {"audit-policy-file": directory / "audit.json", "audit-log-path": directory / AUDIT_LOG}


def _start_controller_manager(processes: Processes, programs: dict, kubeconfig: Path) -> None:
    directory = processes.directory
    flags = {
        "kubeconfig": kubeconfig,
        "controllers": ",".join(CONTROLLERS),
        "service-account-private-key-file": directory / "sa.key",
        "root-ca-file": directory / "ca.crt",
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "secure-port": 0,
    }
    processes.start("kube-controller-manager", [programs["kube-controller-manager"], *_flags(flags)])


def _flags(flags: dict) -> list:
    return [f"--{name}={value}" for name, value in flags.items()]


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    choice = random.SystemRandom()
    while True:
        port = choice.choice(PORTS)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def write_kubeconfig(path: Path, server: str, ca: Path, token: str, namespace: str = "default") -> None:
    """A kubeconfig for one user. JSON is YAML, so no library is needed. Only its owner may read it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plane",
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "user", "namespace": namespace}}],
        "clusters": [{"name": "plane", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "user", "user": {"token": token}}],
    }
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file, indent=1)


def _wait_for_all(processes: Processes, described: dict) -> None:
    """Ready means: the API server says so, and the controller manager has made the first service account."""
    processes.wait_until("kube-apiserver", lambda: _answers(described, "/readyz"))
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    processes.wait_until("kube-controller-manager", lambda: _answers(described, account))
    for store, path in (("openbao", "/v1/sys/health"), ("moto", "/moto-api/data.json")):
        if described[store]:
            processes.wait_until(store, functools.partial(is_ok, described[store]["address"] + path))


def _answers(described: dict, path: str) -> bool:
    trust = ssl.create_default_context(cafile=described["ca"])
    return is_ok(described["server"] + path, {"Authorization": f"Bearer {described['token']}"}, trust)


def is_ok(url: str, headers: dict | None = None, trust: ssl.SSLContext | None = None) -> bool:
    """Whether a GET is answered with 200. Any failure is a no."""
    # A proxy from the environment must not see loopback requests.
    handlers = [urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=trust)] if trust else [])]
    try:
        request = urllib.request.Request(url, headers=headers or {})
        with urllib.request.build_opener(*handlers).open(request, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def end_on_sigterm() -> None:
    """Makes SIGTERM unwind the stack as SIGINT does, so that every `finally` is run."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def _up(options: argparse.Namespace) -> int:
    with plane(options.stores, options.audit) as described:
        text = json.dumps(described, indent=1)
        if options.json:
            _publish(options.json, text)
        else:
            print(text, flush=True)
        sys.stdin.buffer.read()
    return 0


def _publish(path: Path, text: str) -> None:
    """Writes the description in one step: who waits for the file never reads half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text)
    part.replace(path)


def _with(options: argparse.Namespace) -> int:
    with plane(options.stores, options.audit) as described:
        file = Path(described["dir"]) / "plane.json"
        _publish(file, json.dumps(described, indent=1))
        return _run(options.command, {**os.environ, "KEYFERRY_TEST_PLANE": str(file)})


def _run(command: list, environment: dict) -> int:
    # In our own process group, so that Ctrl-C reaches it. It is waited for, or ended, before the control plane goes.
    child = subprocess.Popen(command, env=environment, preexec_fn=_die_with_parent())
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
        child.kill()
        raise


def _parse(arguments: list) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="plane.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="verb", required=True)
    for name, help_text in (("up", "stay up until standard input closes"), ("with", "run a command beside it")):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--with", dest="stores", type=_stores, default=(), metavar=",".join(STORES))
        command.add_argument("--audit", action="store_true", help="have the API server write down every request")
    commands.choices["up"].add_argument("--json", type=lambda text: Path(text).resolve(), metavar="FILE")
    commands.choices["with"].add_argument("command", nargs="+", metavar="-- COMMAND")
    return parser.parse_args(arguments)


def _stores(text: str) -> tuple:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in STORES:
            raise argparse.ArgumentTypeError(f"unknown: {name}; known: {', '.join(STORES)}")
    return names


def main() -> int:
    """Runs the command line; 130 after Ctrl-C."""
    options = _parse(sys.argv[1:])
    end_on_sigterm()
    try:
        return _up(options) if options.verb == "up" else _with(options)
    except (PlaneError, parts.PartError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
