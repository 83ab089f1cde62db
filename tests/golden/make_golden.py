#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packs a dump of the PyTorch peer (`saehd_torch.py --dump DIR`) into one small safetensors fixture.

    python3 saehd_torch.py --arch df-ud --res 64 --ae 8 --e 2 --d 2 --dm 2 --batch 2 --eyes-mouth --dump DIR
    python3 make_golden.py DIR df-ud.safetensors

Kept: starting weights, losses, gradients, losses and weights of three AdaBelief and three RMSprop steps, and the
outputs of the swap after them. The inputs are left out: they are a hash of their index and the test makes them again.
"""
import json
import os
import struct
import sys

import numpy as np

KEEP = ("w0/", "loss/src", "loss/dst", "loss/soft_mask_src", "grad/", "train/", "merge_after_train/")


def main():
    folder, out = sys.argv[1:]
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    header, blobs, offset = {}, [], 0
    config = {k: str(v) for k, v in manifest["config"].items()}
    header["__metadata__"] = {k: config[k] for k in ("arch", "res", "ae", "e", "d", "dm", "batch", "masked", "eyes_mouth")}
    for name, entry in sorted(manifest["tensors"].items()):
        if not name.startswith(KEEP):
            continue
        data = np.load(os.path.join(folder, entry["file"])).astype("<f4")
        blob = data.tobytes()
        header[name] = {"dtype": "F32", "shape": list(data.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(out, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(out, os.path.getsize(out), "bytes")


if __name__ == "__main__":
    main()
