"""Training: data, fit, metrics, calibration, export."""
