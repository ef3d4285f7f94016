"""Peak performance of the machine: matrix products by each library, memory bandwidth, JPEG decoding."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import simplejpeg
import torch

from stca.tools.openvino_import import import_openvino, openvino_core

SIZES = (1024, 2048, 4096)


def best_seconds(run: Callable[[], object], *, times: int = 5) -> float:
    """The shortest time of several runs, after one warm-up run."""
    run()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def matmul_gflops() -> dict[str, float]:
    """The best matrix product of each library and precision, in GFLOP/s."""
    ov = import_openvino()
    ops = importlib.import_module("openvino.opset13")

    found: dict[str, float] = {}
    for name, kind in (("float32", torch.float32), ("bf16", torch.bfloat16)):
        rates = []
        for n in SIZES:
            a, b = torch.randn(n, n).to(kind), torch.randn(n, n).to(kind)
            rates.append(2e-9 * n**3 / best_seconds(lambda a=a, b=b: a @ b))
        found[f"matrix product, {name}, PyTorch (oneDNN)"] = max(rates)
        rates = []
        for n in SIZES:
            x = ops.parameter([n, n], np.float32)
            weight = ops.constant(np.random.default_rng(0).normal(size=(n, n)).astype(np.float32))
            model = ov.Model([ops.matmul(x, weight, False, False)], [x])
            hint = {"INFERENCE_PRECISION_HINT": "f32" if name == "float32" else "bf16"}
            compiled = openvino_core().compile_model(model, "CPU", hint)
            request = compiled.create_infer_request()
            request.set_input_tensor(ov.Tensor(np.ones((n, n), np.float32)))
            rates.append(2e-9 * n**3 / best_seconds(request.infer))
        found[f"matrix product, {name}, OpenVINO"] = max(rates)
    return found


def best_product(kind: torch.dtype, device: torch.device) -> tuple[Callable[[], object], float]:
    """PyTorch's fastest square matrix product as a function, and its GFLOP."""

    def product(n: int) -> Callable[[], object]:
        a, b = (torch.randn(n, n, device=device).to(kind) for _ in range(2))
        return lambda: (a @ b)[0, 0].item()  # waits for a GPU

    rates = {n: n**3 / best_seconds(product(n), times=3) for n in SIZES}
    best = max(rates, key=lambda n: rates[n])
    return product(best), 2e-9 * best**3


def copy_bandwidth(megabytes: int = 256) -> float:
    """Memory bandwidth in GB/s, reads and writes together."""
    source = torch.ones(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * source.numel() * 4e-9 / best_seconds(lambda: target.copy_(source))


def jpeg_megapixels() -> float:
    """JPEG decoding speed of one core in megapixels/s, for a smooth 256x128 image."""
    picture = np.random.default_rng(0).integers(0, 256, (16, 8, 3)).astype(np.uint8)
    image = np.ascontiguousarray(picture.repeat(16, axis=0).repeat(16, axis=1))
    data = simplejpeg.encode_jpeg(image, quality=92)
    rounds = 200
    seconds = best_seconds(lambda: [simplejpeg.decode_jpeg(data) for _ in range(rounds)])
    return rounds * image.shape[0] * image.shape[1] * 1e-6 / seconds


def in_another_process() -> dict[str, str]:
    """Measure everything in a separate process, so that its memory and threads are released."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    best = {name: f"{value:.0f} GFLOP/s" for name, value in matmul_gflops().items()}
    best["copy in memory"] = f"{copy_bandwidth():.1f} GB/s"
    best["JPEG, one core"] = f"{jpeg_megapixels():.0f} megapixels/s"
    print(json.dumps(best), flush=True)
