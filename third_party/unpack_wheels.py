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
    "torch-cuda": [
        (f"torch/lib/lib{part}.so", f"torch/lib/lib{part}.so")
        for part in ("torch_cuda", "c10_cuda", "torch_cuda_linalg", "torch_nvshmem", "caffe2_nvrtc")
    ],
    "nvidia-cuda-runtime": [("nvidia/cu13/lib/libcudart.so.13", "torch/lib/libcudart.so.13")],
    "nvidia-cuda-cupti": [("nvidia/cu13/lib/libcupti.so.13", "torch/lib/libcupti.so.13")],
    "mujoco": [
        ("mujoco/include/", "mujoco/include/"),
        ("mujoco/libmujoco.so.3.17.0", "mujoco/lib/libmujoco.so.3.17.0"),
    ],
    "gymnasium": [("gymnasium/envs/mujoco/assets/", "gymnasium/mujoco/")],
}


# LibTorch looks for CUDA's libraries in its own folder too, so all of them lie there together.
def cuda_libraries(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    files = (pathlib.PurePosixPath(name) for name in archive.namelist())
    return [(str(file), f"torch/lib/{file.name}") for file in files if file.parts[0] == "nvidia" and ".so" in file.name]


def unpack(name: str, wheel: pathlib.Path, folder: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        parts = PARTS.get(name) or cuda_libraries(archive)
        for member in archive.infolist():
            for source, target in parts:
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
