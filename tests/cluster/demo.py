#!/usr/bin/env python3
"""A tour of keyferry against real parts, on this machine and without an account anywhere: `./justw demo [--once]`.

Starts the local control plane (`plane.py`), an OpenBao server and moto (AWS); installs `crds/` with plain `kubectl apply`; binds the
chart's own roles and starts `keyferry controller` as a process under exactly those; applies `examples/demo/`; then changes, deletes
and breaks things and shows what becomes of them. Every step is checked. Values are never shown: the tour makes them up by chance and
ends by looking for them in keyferry's log.

Afterwards it stays up until Ctrl-C and says how to point kubectl at it. With --once it ends, with 0 or 1.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import parts  # noqa: E402
from plane import PlaneError, Processes, end_on_sigterm, free_port, is_ok, scratch, start, write_kubeconfig  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "demo"
CRDS = ROOT / "crds"
CHART = ROOT / "charts" / "keyferry"
# What the process needs of the chart: its identity and its rights. Nothing else is applied, for nothing runs pods here.
CHART_TEMPLATES = ("templates/serviceaccount.yaml", "templates/rbac.yaml")
RELEASE, HOME = "keyferry", "keyferry-system"
# Where the manifests expect OpenBao; the demo's own server gets a free port.
WRITTEN_ADDRESS = "http://127.0.0.1:8200"
REGION = "eu-central-1"
WITHIN_S = 60
STORES = [("clustersecretstore", "openbao"), ("secretstore", "secrets-manager"), ("secretstore", "parameter-store")]


class StepError(Exception):
    """What was expected did not happen; the text says what is there instead."""


@dataclass
class Demo:
    """The running parts and what the stores hold."""

    processes: Processes
    plane: dict
    keyferry: subprocess.Popen | None = None
    values: list = field(default_factory=list)
    step: int = 0

    def say(self, text: str) -> None:
        """Opens a step."""
        self.step += 1
        print(f"\n{self.step:2}. {text}", flush=True)

    def value(self) -> str:
        """A new secret value. All of them are looked for in the log at the end."""
        self.values.append(secrets.token_urlsafe(18))
        return self.values[-1]

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Runs kubectl as the cluster's admin."""
        command = [self.plane["kubectl"], "--kubeconfig", self.plane["kubeconfig"], *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise StepError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, kind: str, name: str) -> dict:
        """An object of the team's namespace, or an empty one if there is none."""
        text = self.kubectl("get", kind, name, "-n", "demo", "-o", "json", "--ignore-not-found")
        return json.loads(text) if text else {}

    def data(self, secret: str) -> dict | None:
        """What a Secret holds, or None if there is no such Secret."""
        found = self.get("secret", secret)
        return {key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()} if found else None

    def wait(self, what: str, holds, about: tuple) -> None:
        """Polls until `holds`; fails with the state of the object `about` (kind, name) and the end of keyferry's log."""
        begun = time.monotonic()
        while not holds():
            if self.keyferry and self.keyferry.poll() is not None:
                raise StepError(f"keyferry ended with {self.keyferry.returncode}\n{self.evidence(about)}")
            if time.monotonic() - begun > WITHIN_S:
                raise StepError(f"expected within {WITHIN_S} s: {what}\n{self.evidence(about)}")
            time.sleep(0.1)
        print(f"    {what}  ({time.monotonic() - begun:.1f} s)", flush=True)

    def evidence(self, about: tuple) -> str:
        """What helps to see why a step failed."""
        status = json.dumps(self.get(*about).get("status"), indent=2)
        log = parts.tail(self.processes.log("keyferry"))
        return f"--- status of {' '.join(about)}\n{status}\n--- end of keyferry's log\n{log}"


def tour(demo: Demo) -> None:
    """The whole story, a line a chapter."""
    wanted = fill_stores(demo)
    install(demo)
    start_keyferry(demo)
    apply_examples(demo)
    check_first_sync(demo, wanted)
    show_table(demo)
    change_a_value(demo, wanted)
    delete_a_secret(demo, wanted)
    break_and_repair_a_credential(demo, wanted)
    show_table(demo)
    look_for_values_in_the_log(demo)


def fill_stores(demo: Demo) -> dict:
    """Puts new values into all stores; what each Secret must hold because of them."""
    demo.say("The stores get their secrets: OpenBao, AWS Secrets Manager, AWS Parameter Store")
    database = {"username": "webshop", "password": demo.value()}
    webshop = {"SESSION_KEY": demo.value(), "SMTP_PASSWORD": demo.value()}
    payments = {"card-gateway": demo.value(), "direct-debit": demo.value()}
    settings = {"feature-flags": demo.value(), "licence": demo.value()}
    search = {"endpoint": "https://old.search.example", "token": demo.value()}
    endpoint = "https://search.example"
    put_openbao(demo, "demo/database", database)
    put_openbao(demo, "demo/webshop", webshop)
    for name, value in {**{f"payments/{key}": value for key, value in payments.items()}, "unrelated": demo.value()}.items():
        put_secrets_manager(demo, f"demo/{name}", value)
    put_secrets_manager(demo, "demo/search", json.dumps(search))
    for name, value in {**{f"settings/{key}": value for key, value in settings.items()}, "search/endpoint": endpoint}.items():
        put_parameter(demo, f"/demo/{name}", value)
    return {
        "database": database,
        "webshop-environment": {f"WEBSHOP_{key}": value for key, value in webshop.items()},
        "payments": payments,
        "settings": settings,
        "search": {**search, "endpoint": endpoint},
        "mail": mail(webshop["SMTP_PASSWORD"]),
    }


def mail(password: str) -> dict:
    """What the templates make of the password, which has nothing in it that they would have to escape."""
    return {"smtp.conf": f'user = shop\npassword = "{password}"\n', "url": f"smtps://shop:{password}@mail.example:465"}


def put_openbao(demo: Demo, key: str, fields: dict) -> None:
    """Writes a new version of an entry."""
    openbao(demo, f"secret/data/{key}", {"data": fields})


def openbao(demo: Demo, path: str, body: dict) -> dict:
    """A call as OpenBao's root."""
    server = demo.plane["openbao"]
    return post(f"{server['address']}/v1/{path}", body, {"X-Vault-Token": server["token"], "Content-Type": "application/json"})


def put_secrets_manager(demo: Demo, name: str, value: str) -> None:
    """Makes a secret."""
    aws(demo, "secretsmanager", "secretsmanager.CreateSecret", {"Name": name, "SecretString": value})


def put_parameter(demo: Demo, name: str, value: str) -> None:
    """Makes a parameter that is encrypted at rest."""
    aws(demo, "ssm", "AmazonSSM.PutParameter", {"Name": name, "Value": value, "Type": "SecureString"})


def aws(demo: Demo, service: str, target: str, body: dict) -> dict:
    """A call to moto, which reads service and region from the signature's scope and does not check the signature."""
    scope = f"demo/20260101/{REGION}/{service}/aws4_request"
    headers = {
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
    return post(f"{demo.plane['moto']['address']}/", body, headers)


def post(url: str, body: dict, headers: dict) -> dict:
    """Sends JSON, past any proxy, and reads JSON; an empty answer is an empty object."""
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


def install(demo: Demo) -> None:
    """The kinds, and the chart's ServiceAccount and roles."""
    demo.say("The kinds are installed, with plain kubectl apply, and the chart's ServiceAccount and roles")
    for needed in (CRDS, *(CHART / template for template in CHART_TEMPLATES)):
        if not needed.exists():
            raise StepError(f"{needed.relative_to(ROOT)} is missing")
    demo.kubectl("apply", "-f", str(CRDS))
    demo.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
    demo.kubectl("create", "namespace", HOME)
    demo.kubectl("apply", "-n", HOME, "-f", "-", stdin=rendered_chart(demo))


def rendered_chart(demo: Demo) -> str:
    """The manifests of CHART_TEMPLATES as helm renders them with the default values."""
    chosen = [word for template in CHART_TEMPLATES for word in ("--show-only", template)]
    command = [demo.plane["helm"], "template", RELEASE, str(CHART), "--namespace", HOME, *chosen]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise StepError(f"helm template: {done.stderr.strip()}")
    return done.stdout


def start_keyferry(demo: Demo) -> None:
    """Starts the product beside the cluster, as the chart's ServiceAccount and nobody else."""
    demo.say(f"keyferry starts as system:serviceaccount:{HOME}:{RELEASE}, with the rights of its chart and no others")
    token = demo.kubectl("create", "token", RELEASE, "-n", HOME, "--duration=8h").strip()
    kubeconfig = demo.processes.directory / "keyferry.kubeconfig"
    write_kubeconfig(kubeconfig, demo.plane["server"], Path(demo.plane["ca"]), token, HOME)
    metrics, live = free_port(), free_port()
    addresses = [f"--metrics-addr=127.0.0.1:{metrics}", f"--live-addr=127.0.0.1:{live}"]
    environment = {"KUBECONFIG": str(kubeconfig), **aws_endpoints(demo)}
    demo.keyferry = demo.processes.start("keyferry", [binary(), "controller", *addresses], **environment)
    demo.processes.wait_until("keyferry", lambda: is_ok(f"http://127.0.0.1:{live}/readyz"), WITHIN_S)
    print(f"    metrics: http://127.0.0.1:{metrics}/metrics   log: {demo.processes.log('keyferry')}")


def aws_endpoints(demo: Demo) -> dict:
    """Sends every AWS service to moto, and keeps the person's own AWS identity out of it."""
    address = demo.plane["moto"]["address"]
    names = ("AWS_ENDPOINT_URL", "AWS_SECRETSMANAGER_ENDPOINT", "AWS_SSM_ENDPOINT", "AWS_STS_ENDPOINT")
    nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    return {**{name: address for name in names}, **nobody}


def binary() -> Path:
    """The debug binary that `./justw build` makes."""
    found = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug" / "keyferry"
    if not found.exists():
        raise StepError(f"{found} is missing: run ./justw build")
    return found


def apply_examples(demo: Demo) -> None:
    """Makes the credentials and applies examples/demo/."""
    demo.say("Namespaces, credentials, stores and ExternalSecrets of examples/demo/ are applied")
    files = sorted(EXAMPLES.glob("*.yaml"))
    namespaces, *rest = (file.read_text().replace(WRITTEN_ADDRESS, demo.plane["openbao"]["address"]) for file in files)
    demo.kubectl("apply", "-f", "-", stdin=namespaces)
    set_openbao_token(demo, limited_token(demo))
    apply_secret(demo, "demo", "aws-credentials", {"access-key-id": "demo", "secret-access-key": demo.value()})
    demo.kubectl("apply", "-f", "-", stdin="\n---\n".join(rest))


def limited_token(demo: Demo) -> str:
    """A token that may read the demo's entries and nothing else."""
    rules = 'path "secret/data/demo/*" { capabilities = ["read"] }\npath "secret/metadata/demo/*" { capabilities = ["read", "list"] }'
    openbao(demo, "sys/policies/acl/demo", {"policy": rules})
    token = openbao(demo, "auth/token/create-orphan", {"policies": ["demo"]})["auth"]["client_token"]
    demo.values.append(token)
    return token


def set_openbao_token(demo: Demo, token: str) -> None:
    """Writes the shared store's credential."""
    apply_secret(demo, "demo-platform", "openbao-token", {"token": token})


def apply_secret(demo: Demo, namespace: str, name: str, data: dict) -> None:
    """Makes or changes a Secret, by standard input: arguments of processes can be read by others."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": data}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(secret))


def check_first_sync(demo: Demo, wanted: dict) -> None:
    """Every store is ready and every Secret holds exactly what the stores hold."""
    demo.say("Every store logs in, every Secret appears with exactly what the stores hold")
    for store in STORES:
        wait_ready(demo, "is ready", store)
    for secret, data in wanted.items():
        wait_data(demo, f"Secret {secret} is right", secret, data)
        wait_ready(demo, "says so", ("externalsecret", owner_of(secret)))


def wait_ready(demo: Demo, what: str, about: tuple) -> None:
    """Waits until an object's Ready condition is True."""
    demo.wait(f"{' '.join(about)} {what}", lambda: ready(demo.get(*about)) == "True", about)


def wait_data(demo: Demo, what: str, secret: str, data: dict) -> None:
    """Waits until a Secret holds exactly `data`."""
    demo.wait(what, lambda: demo.data(secret) == data, ("externalsecret", owner_of(secret)))


def owner_of(secret: str) -> str:
    """The ExternalSecret behind a Secret: of the same name but for the one that shows `target.name`."""
    return {"webshop-environment": "webshop"}.get(secret, secret)


def condition(item: dict) -> dict:
    """The Ready condition of an object; empty if it has none."""
    conditions = item.get("status", {}).get("conditions", [])
    return next((row for row in conditions if row["type"] == "Ready"), {})


def ready(item: dict) -> str:
    """`True`, `False`, `Unknown`, or empty if the object has not been looked at."""
    return condition(item).get("status", "")


def show_table(demo: Demo) -> None:
    """Stores and ExternalSecrets with their state, and the keys of each Secret. Never a value."""
    demo.say("What kubectl shows")
    rows = [("KIND", "NAME", "STORE", "READY", "REASON", "SECRET", "KEYS")]
    rows += [store_row(demo.get(*store)) for store in STORES]
    listed = json.loads(demo.kubectl("get", "externalsecrets", "-n", "demo", "-o", "json"))
    rows += [external_secret_row(demo, item) for item in listed["items"]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def store_row(item: dict) -> tuple:
    state = condition(item)
    provider = next(iter(item["spec"]["provider"]))
    return (item["kind"], item["metadata"]["name"], provider, state.get("status", "?"), state.get("reason", "?"), "", "")


def external_secret_row(demo: Demo, item: dict) -> tuple:
    state, name, store = condition(item), item["metadata"]["name"], item["spec"]["secretStoreRef"]["name"]
    secret = item["spec"].get("target", {}).get("name") or name
    keys = ", ".join(sorted(demo.data(secret) or {}))
    return (item["kind"], name, store, state.get("status", "?"), state.get("reason", "?"), secret, keys)


def change_a_value(demo: Demo, wanted: dict) -> None:
    """A new password in OpenBao."""
    demo.say("Somebody changes the password in OpenBao (refreshInterval: 5s)")
    wanted["database"] = {**wanted["database"], "password": demo.value()}
    put_openbao(demo, "demo/database", wanted["database"])
    wait_data(demo, "the new password is in the Secret", "database", wanted["database"])


def delete_a_secret(demo: Demo, wanted: dict) -> None:
    """A Secret deleted by hand, of an object whose next refresh is an hour away."""
    demo.say("Somebody deletes a Secret by hand (refreshInterval: 1h, so it is not the refresh that helps)")
    demo.kubectl("delete", "secret", "payments", "-n", "demo")
    wait_data(demo, "the Secret is back", "payments", wanted["payments"])


def break_and_repair_a_credential(demo: Demo, wanted: dict) -> None:
    """A wrong token for OpenBao: it must show, must not touch the Secret, and must pass when the token is right again."""
    about = ("externalsecret", "database")
    demo.say("The credential of the shared store goes bad")
    set_openbao_token(demo, "s.wrong")
    force_sync(demo, "database")
    demo.wait("the ExternalSecret says that it fails", lambda: ready(demo.get(*about)) == "False", about)
    print(f"    {condition(demo.get(*about)).get('reason')}: {condition(demo.get(*about)).get('message')}")
    if demo.data("database") != wanted["database"]:
        raise StepError("the Secret must stay as it was while its store cannot be read")
    print("    the Secret is still there, unchanged")
    demo.say("The credential is repaired; nobody touches the ExternalSecret")
    set_openbao_token(demo, limited_token(demo))
    wait_ready(demo, "is ready again", about)


def force_sync(demo: Demo, name: str) -> None:
    """What a person does who does not want to wait for the next refresh."""
    demo.kubectl("annotate", "externalsecret", name, "-n", "demo", "--overwrite", f"external-secrets.io/force-sync={time.time_ns()}")


def look_for_values_in_the_log(demo: Demo) -> None:
    """No secret value of this tour, raw or in base64, may be in what keyferry wrote."""
    demo.say("None of the secret values is in keyferry's log")
    log = demo.processes.log("keyferry").read_text(errors="replace")
    forms = [form for value in demo.values for form in (value, base64.b64encode(value.encode()).decode().rstrip("="))]
    if any(form in log for form in forms):
        raise StepError(f"a secret value is in keyferry's log, {demo.processes.log('keyferry')}")
    print(f"    {len(demo.values)} values, {len(log.splitlines())} lines")


def stay(demo: Demo) -> None:
    """Leaves everything running for the person at the keyboard."""
    print(
        f"""
It stays up until Ctrl-C. In another terminal:

    export KUBECONFIG={demo.plane["kubeconfig"]}
    {demo.plane["kubectl"]} get externalsecrets,secretstores,clustersecretstores -A

    export BAO_ADDR={demo.plane["openbao"]["address"]} BAO_TOKEN={demo.plane["openbao"]["token"]}
    {parts.find("bao")} kv put secret/demo/database username=webshop password=new
""",
        flush=True,
    )
    while demo.keyferry and demo.keyferry.poll() is None:
        time.sleep(0.5)
    raise StepError(f"keyferry ended\n{parts.tail(demo.processes.log('keyferry'))}")


def run(once: bool) -> int:
    """Starts the parts, gives the tour, and ends all that it started."""
    with scratch() as directory:
        processes = Processes(directory)
        try:
            demo = Demo(processes, start(processes, ("openbao", "moto", "helm"), audit=False))
            tour(demo)
            print("\nAll steps did what they should.", flush=True)
            if not once:
                stay(demo)
            return 0
        finally:
            processes.stop_all()


def main() -> int:
    """Reads the command line; 1 if a step failed, 0 after Ctrl-C of a tour that went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end after the tour, with 0 or 1")
    options = parser.parse_args()
    end_on_sigterm()
    try:
        return run(options.once)
    except (StepError, PlaneError, parts.PartError, OSError) as error:
        print(f"\nfailed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130 if options.once else 0


if __name__ == "__main__":
    sys.exit(main())
