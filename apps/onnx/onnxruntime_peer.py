# Runs exported models with plain Python, as DeepFaceLive does: inputs by name, outputs by position. Run by a test.
# SPDX-License-Identifier: MIT
"""onnxruntime_peer.py FOLDER: FOLDER/cases.json lists models with pictures and what our network makes of them"""
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime

OUTPUTS = [("out_face_mask:0", 1), ("out_celeb_face:0", 3), ("out_celeb_face_mask:0", 1)]


def check_form(path, session, side):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 7 and model.opset_import[0].version == 12
    (picture,) = session.get_inputs()
    assert picture.name == "in_face:0" and picture.type == "tensor(float)", picture
    assert picture.shape[1:] == [side, side, 3] and not isinstance(picture.shape[0], int), picture
    for output, (name, channels) in zip(session.get_outputs(), OUTPUTS, strict=True):
        assert output.name == name and output.type == "tensor(float)", output
        assert output.shape[1:] == [side, side, channels], output


def run_case(folder, case):
    stem = os.path.join(folder, case["name"])
    side, count = case["side"], case["count"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # waiting threads would spin beside other tests
    session = onnxruntime.InferenceSession(stem + ".dfm", options, providers=["CPUExecutionProvider"])
    check_form(stem + ".dfm", session, side)
    pictures = np.fromfile(stem + ".in", np.float32).reshape(count, side, side, 3)
    ours = [np.fromfile(f"{stem}.out{i}", np.float32).reshape(count, side, side, c)
            for i, (_, c) in enumerate(OUTPUTS)]
    single = [session.run(None, {"in_face:0": pictures[i:i + 1]}) for i in range(count)]
    runs = [[np.concatenate(parts) for parts in zip(*single)], session.run(None, {"in_face:0": pictures})]
    worst = max(float(np.abs(a - b).max()) for run in runs for a, b in zip(run, ours, strict=True))
    varied = min(float(a.std(axis=0).max()) for a in ours)
    passed = worst < case["allowed"] and varied > 1e-3  # NaN fails
    print(f"{case['name']:14} {count} faces, largest difference {worst:.2e} of {case['allowed']:g}"
          f"{'' if passed else f': FAILED (outputs vary by {varied:.2e})'}")
    return passed


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    passed = [run_case(folder, case) for case in cases]
    sys.exit(0 if cases and all(passed) else 1)


main()
