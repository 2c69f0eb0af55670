"""Unpacks from one wheel only the files that a build uses.

Usage: unpack_wheels.py NAME WHEEL FOLDER
"""

import pathlib
import sys
import zipfile

# Per wheel: (folder or file inside the wheel, where it goes). torch's include folder also holds an old protobuf and
# a new fmt, so only its own four header folders are taken. libtorch_cpu.so needs cudart and cupti even on a CPU.
PARTS: dict[str, list[tuple[str, str]]] = {
    "torch": [
        *((f"torch/include/{part}/", f"torch/include/{part}/") for part in ("ATen", "c10", "torch", "caffe2")),
        *((f"torch/lib/{part}", f"torch/lib/{part}") for part in ("libtorch_cpu.so", "libc10.so", "libgomp.so.1")),
    ],
    "nvidia-cuda-runtime": [("nvidia/cu13/lib/libcudart.so.13", "torch/lib/libcudart.so.13")],
    "nvidia-cuda-cupti": [("nvidia/cu13/lib/libcupti.so.13", "torch/lib/libcupti.so.13")],
    "mujoco": [
        ("mujoco/include/", "mujoco/include/"),
        ("mujoco/libmujoco.so.3.17.0", "mujoco/lib/libmujoco.so.3.17.0"),
    ],
    "gymnasium": [("gymnasium/envs/mujoco/assets/", "gymnasium/mujoco/")],
}


def unpack(name: str, wheel: pathlib.Path, folder: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            for source, target in PARTS[name]:
                wanted = member.filename.startswith(source) if source.endswith("/") else member.filename == source
                if not wanted or member.is_dir():
                    continue
                path = folder / (target + member.filename[len(source) :] if source.endswith("/") else target)
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as reader, open(path, "wb") as writer:
                    while block := reader.read(1 << 22):
                        writer.write(block)
                path.chmod(0o755 if ".so" in path.name else 0o644)


if __name__ == "__main__":
    unpack(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
