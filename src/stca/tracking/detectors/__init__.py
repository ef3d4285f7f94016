"""Person detectors: motion, ONNX and OpenVINO networks."""
