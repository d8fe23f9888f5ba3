"""Minutes of a GPU: many runs in one stack, trained, measured and brought home as a few small files.

``python -m benchmarks.gpu_run --minutes 9 --out FOLDER`` on the machine with the GPU, which needs no more than torch,
NumPy, safetensors, PyYAML, psutil and pydantic; ``python -m benchmarks.gpu_run.home FOLDER`` where the repository is.
"""
