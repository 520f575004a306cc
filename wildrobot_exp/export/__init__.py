"""A trained policy as files that need nothing of this package: policy.onnx, policy.json, the MJCF and a runner."""
