"""What OpenVINO would leave behind, it does not."""

import subprocess
import sys

CODE = """
import gc, os, signal, threading
import torch
from stca.inference import Plan, VectorNet
from stca.inference.openvino_runtime import OpenVinoRuntime
from stca.models import create_model

network = VectorNet(create_model("cnn2d_small", num_ids=2, image_size=(32, 16), width=4, layers=(1, 1, 1, 1)))
box = [OpenVinoRuntime(network, Plan("openvino", "float32", torch.device("cpu")), (2, 32, 16, 3))]
dropping = threading.Thread(target=lambda: (box.clear(), gc.collect()))
dropping.start()
dropping.join()
signal.signal(signal.SIGCHLD, lambda *_: None)  # as PyTorch's data loaders do
for _ in range(3):
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
print("alive")
"""


def test_a_runtime_that_ends_in_another_thread_leaves_no_dangling_signal_stack() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "alive", f"{done.returncode}: {done.stderr}"
