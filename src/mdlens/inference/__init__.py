"""Model files and their evaluation with ONNX Runtime; imports no torch."""
