"""Starts the servers that are compared, each with the models that it is asked for."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import numpy as np
import tritonclient.grpc as triton
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).resolve().parent
BLOB_BYTES = 1 << 20
WEIGHTS = [f"mlp.{layer}.{part}" for layer in range(3) for part in ("weight", "bias")] + [
    f"{side}.{part}" for side in ("input", "output") for part in ("mean", "std")
]


@dataclasses.dataclass
class Server:
    """A running server."""

    name: str
    address: str
    process: subprocess.Popen[bytes]


@dataclasses.dataclass(frozen=True)
class Places:
    """Where programs lie and where files may be written."""

    programs: pathlib.Path  # rolloutd, serving-echo, serving-load
    peers: pathlib.Path  # what `make serving-peers` installed
    scratch: pathlib.Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spawn(command: list[str], places: Places, name: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    with (places.scratch / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=places.scratch, env={**os.environ, **(env or {})})


def publish(places: Places) -> np.ndarray:
    """Writes our models and, from the same weights, what the peers read: scratch/weights.f32."""
    subprocess.run([str(places.programs / "serving-load"), "publish", str(places.scratch)], check=True)
    tensors = load_file(places.scratch / "repository-hopper-sized" / "hopper-sized" / "1" / "weights.safetensors")
    flat = np.concatenate([tensors[name].reshape(-1) for name in WEIGHTS])
    flat.tofile(places.scratch / "weights.f32")
    merged = places.scratch / "repository"
    for model in ("hopper-sized", "wide"):
        shutil.copytree(places.scratch / f"repository-{model}" / model, merged / model)
    return flat


def start_rolloutd(places: Places) -> Server:
    port = free_port()
    command = [str(places.programs / "rolloutd"), f"--model-repository={places.scratch / 'repository'}"]
    command += [f"--listen=127.0.0.1:{port}", "--metrics-listen=127.0.0.1:0"]
    return Server("rolloutd", f"127.0.0.1:{port}", _spawn(command, places, "rolloutd"))


def start_echo(places: Places, name: str, reply: bytes) -> Server:
    """A bare gRPC server that answers any ModelInfer with this reply."""
    port = free_port()
    file = places.scratch / f"{name}.reply"
    file.write_bytes(reply)
    command = [str(places.programs / "serving-echo"), f"--listen=127.0.0.1:{port}", f"--reply-file={file}"]
    command += [f"--port-file={places.scratch / name}.port"]
    server = Server("bare echo", f"127.0.0.1:{port}", _spawn(command, places, name))
    while server.process.poll() is None and not (places.scratch / f"{name}.port").exists():
        time.sleep(0.02)
    return server


def _tensor(kind: str, name: str, dims: list[int]) -> str:
    return f'{kind} [{{ name: "{name}" data_type: TYPE_FP32 dims: {dims} }}]\n'


def _triton_repository(places: Places) -> pathlib.Path:
    repository = places.scratch / "triton-models"
    tensors = {
        "echo": _tensor("input", "x", [-1, 12]) + _tensor("output", "y", [-1, 12]),
        "blob": _tensor("input", "x", [-1, 12]) + _tensor("output", "y", [1, BLOB_BYTES // 4]),
        "rollout": 'input [{ name: "initial_state" data_type: TYPE_FP32 dims: [1, 12] }, '
        '{ name: "controls" data_type: TYPE_FP32 dims: [-1, -1, 3] }]\n'
        + _tensor("output", "trajectory", [-1, -1, 12]),
    }
    for name, text in tensors.items():
        (repository / name / "1").mkdir(parents=True)
        config = f'name: "{name}"\nbackend: "rollout"\nmax_batch_size: 0\n{text}'
        config += "instance_group [{ count: 2 kind: KIND_CPU }]\n"
        (repository / name / "config.pbtxt").write_text(config)
    shutil.copy(places.scratch / "weights.f32", repository / "rollout" / "1" / "weights.f32")
    backend = places.scratch / "triton-backends" / "rollout"
    backend.mkdir(parents=True)
    shutil.copy(places.peers / "libtriton_rollout.so", backend / "libtriton_rollout.so")
    return repository


def start_triton(places: Places) -> Server:
    port = free_port()
    command = [str(places.peers / "triton" / "pytriton" / "tritonserver" / "bin" / "tritonserver")]
    command += [f"--model-repository={_triton_repository(places)}", "--allow-http=false", "--allow-metrics=false"]
    command += [f"--backend-directory={places.scratch / 'triton-backends'}"]
    command += ["--grpc-address=127.0.0.1", f"--grpc-port={port}"]
    env = {"LD_LIBRARY_PATH": str(places.peers / "triton" / "nvidia_pytriton.libs")}
    return Server("Triton 2.51.0", f"127.0.0.1:{port}", _spawn(command, places, "triton", env))


def start_kserve(places: Places) -> Server:
    port = free_port()
    command = [str(places.peers / "kserve" / "bin" / "python"), str(HERE / "kserve_server.py")]
    command += [str(port), str(free_port()), str(places.scratch / "weights.f32")]
    return Server(
        "KServe 0.21.0, JAX", f"127.0.0.1:{port}", _spawn(command, places, "kserve", {"JAX_PLATFORMS": "cpu"})
    )


def start_mlserver(places: Places) -> Server:
    port = free_port()
    folder = places.scratch / "mlserver-models"
    for name, model in (("echo", "Echo"), ("blob", "Blob"), ("rollout", "Rollout")):
        (folder / name).mkdir(parents=True)
        settings = {"name": name, "implementation": f"mlserver_models.{model}"}
        parameters = {"parameters": {"uri": str(places.scratch / "weights.f32")}}
        (folder / name / "model-settings.json").write_text(json.dumps({**settings, **parameters}))
    server = {"host": "127.0.0.1", "http_port": free_port(), "grpc_port": port, "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps({**server, "parallel_workers": 0, "debug": False}))
    command = [str(places.peers / "mlserver" / "bin" / "mlserver"), "start", str(folder)]
    env = {"PYTHONPATH": str(HERE), "JAX_PLATFORMS": "cpu"}
    return Server("MLServer 1.7.1, JAX", f"127.0.0.1:{port}", _spawn(command, places, "mlserver", env))


def wait_until_ready(server: Server, models: list[str], timeout: float = 60.0) -> None:
    end = time.monotonic() + timeout
    with contextlib.closing(triton.InferenceServerClient(server.address)) as client:
        while time.monotonic() < end and server.process.poll() is None:
            with contextlib.suppress(triton.InferenceServerException):
                if all(client.is_model_ready(model) for model in models):
                    return
            time.sleep(0.1)
    raise RuntimeError(f"{server.name} does not become ready; see its log")


@contextlib.contextmanager
def running(places: Places, python_servers: bool = True) -> Iterator[list[Server]]:
    """rolloutd and the peers, ready; they end with the context."""
    publish(places)
    servers = [start_rolloutd(places), start_triton(places)]
    if python_servers:
        servers += [start_kserve(places), start_mlserver(places)]
    try:
        wait_until_ready(servers[0], ["hopper-sized", "wide"])
        for server in servers[1:]:
            wait_until_ready(server, ["echo", "blob", "rollout"])
        yield servers
    finally:
        for server in servers:
            server.process.terminate()
        for server in servers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(timeout=10)
            server.process.kill()
