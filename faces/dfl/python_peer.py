# Reads with plain Python what diptych exports for DeepFaceLab, and writes what DeepFaceLab would. Run by tests.
# SPDX-License-Identifier: MIT
"""python_peer.py faces FOLDER PAK | model FOLDER NAME | write FOLDER"""
import enum
import os
import pickle
import struct
import sys
import types

import numpy as np


def make_module(name, **members):
    module = types.ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
        if isinstance(value, type):
            value.__module__ = name
    sys.modules[name] = module
    return module


# Stand-ins for the classes that packs name; the numbers are the file format's.
class FaceType(enum.IntEnum):
    HALF = 0
    MID_FULL = 1
    FULL = 2
    FULL_NO_ALIGN = 3
    WHOLE_FACE = 4
    HEAD = 10
    HEAD_NO_ALIGN = 20
    MARK_ONLY = 100


class SampleType(enum.IntEnum):
    IMAGE = 0
    FACE = 1


make_module("facelib")
make_module("facelib.FaceType", FaceType=FaceType)
make_module("samplelib")
make_module("samplelib.Sample", SampleType=SampleType)


def segment(jpeg):
    """Payload of the last APP15, walking as strictly as the original does."""
    assert jpeg[:2] == b"\xff\xd8"
    at, found = 2, None
    while True:
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        assert jpeg[at] == 0xFF
        assert marker != 0xDD, "restart intervals"
        if marker == 0xE0:
            assert jpeg[at + 4:at + 8] == b"JFIF"
        if marker == 0xEF:
            found = jpeg[at + 4:at + 2 + length]
        if marker == 0xDA:
            break
        at += 2 + length
    assert jpeg.endswith(b"\xff\xd9")
    return found


def check_metadata(data):
    assert isinstance(data["face_type"], str)
    for key in ("landmarks", "source_landmarks"):
        if key not in data:
            continue
        points = data[key]
        assert isinstance(points, list) and len(points) == 68
        assert all(type(v) is float for point in points for v in point)
    if "source_rect" in data:
        rect = data["source_rect"]
        assert isinstance(rect, np.ndarray) and rect.shape == (4,) and rect.dtype.kind == "i"
        rect[np.array([0, 2])]
    if "image_to_face_mat" in data:
        assert data["image_to_face_mat"].shape == (2, 3)
        assert data["image_to_face_mat"].dtype == np.float64
    if "xseg_mask" in data:
        mask = data["xseg_mask"]
        assert isinstance(mask, np.ndarray) and mask.dtype == np.uint8 and mask.ndim == 1
        assert mask[:4].tobytes() == b"\x89PNG" or mask[:2].tobytes() == b"\xff\xd8"
    for polygon in data.get("seg_ie_polys", {"polys": []})["polys"]:
        assert polygon["type"] in (0, 1) and polygon["pts"].shape[1] == 2


def check_faces(folder, pak):
    names = sorted(n for n in os.listdir(folder) if n.endswith(".jpg"))
    for name in names:
        with open(os.path.join(folder, name), "rb") as f:
            check_metadata(pickle.loads(segment(f.read())))
    with open(pak, "rb") as f:
        content = f.read()
    version, size = struct.unpack("<QQ", content[:16])
    assert version == 1
    configs = pickle.loads(content[16:16 + size])
    offsets = struct.unpack("<%dQ" % (len(configs) + 1), content[16 + size:24 + size + 8 * len(configs)])
    data = 24 + size + 8 * len(configs)
    assert offsets[-1] == len(content) and len(configs) == len(names)
    for i, config in enumerate(configs):
        assert config["sample_type"] is SampleType.FACE
        assert isinstance(config["face_type"], FaceType)
        assert config["shape"][2] == 3
        end = len(content) if i + 1 == len(configs) else data + offsets[i + 1]
        with open(os.path.join(folder, config["filename"]), "rb") as f:
            assert f.read() == content[data + offsets[i]:end], config["filename"]


def check_model(folder, name):
    prefix = os.path.join(folder, name + "_SAEHD_")

    def load(part):
        with open(prefix + part, "rb") as f:
            return pickle.load(f)

    data = load("data.dat")
    options = data["options"]
    assert data["iter"] >= 1 and isinstance(data["loss_history"], list)
    for key in ("resolution", "face_type", "archi", "ae_dims", "e_dims", "d_dims", "d_mask_dims", "adabelief",
                "lr_dropout", "random_warp", "gan_power", "true_face_power", "face_style_power", "bg_style_power",
                "ct_mode", "clipgrad", "pretrain", "autobackup_hour", "write_preview_history", "target_iter",
                "random_src_flip", "random_dst_flip", "batch_size", "models_opt_on_gpu", "masked_training",
                "eyes_mouth_prio", "uniform_yaw", "blur_out_mask", "random_hsv_power", "gan_patch_size", "gan_dims"):
        assert key in options, key
    liae = options["archi"].startswith("liae")
    slots = load("src_dst_opt.npy")
    assert int(slots["iters:0"]) >= 1
    for part in ("encoder", "inter_AB", "inter_B", "decoder") if liae else ("encoder", "inter", "decoder_src",
                                                                           "decoder_dst"):
        weights = load(part + ".npy")
        for key, array in weights.items():
            assert array.dtype == np.float32 and array.flags["C_CONTIGUOUS"] and key.endswith(":0")
            slot = "ms_%s/%s" % (part, key[:-2] + "_0:0")
            assert slots[slot].shape == array.shape, slot
    conv = load("encoder.npy")["down1/downs_0/conv1/weight:0"]
    assert conv.shape == (5, 5, 3, options["e_dims"])


def write(folder):
    """The same weights in every protocol Python writes, and metadata with NumPy in all places."""
    rng = np.random.RandomState(1)
    weights = {
        "a/weight:0": rng.rand(3, 3, 2, 4).astype(np.float32),
        "h:0": rng.rand(5).astype(np.float16),
        "f:0": np.asfortranarray(rng.rand(3, 4).astype(np.float32)),
        "big:0": rng.rand(3).astype(">f8"),
        "empty:0": np.zeros((0, 3), np.float32),
        "iters:0": np.int64(12345),
        "again:0": None,
    }
    weights["again:0"] = weights["a/weight:0"]
    with open(os.path.join(folder, "expected.txt"), "w") as f:
        for key in ("a/weight:0", "h:0", "f:0", "big:0"):
            f.write(key + " " + " ".join(repr(float(v)) for v in weights[key].flatten()) + "\n")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with open(os.path.join(folder, "weights%d.pkl" % protocol), "wb") as f:
            pickle.dump(weights, f, protocol)
    data = {
        "iter": 250000,
        "options": {"resolution": np.int64(128), "archi": "df-ud", "random_hsv_power": np.float64(0.05),
                    "adabelief": True, "face_type": "wf"},
        "loss_history": [[0.5 / (i + 1), 0.25] for i in range(50000)],
        "sample_for_preview": [[rng.rand(2, 3, 8, 8).astype(np.float32)]],
        "choosed_gpu_indexes": None,
    }
    with open(os.path.join(folder, "data.dat"), "wb") as f:
        pickle.dump(data, f)


if __name__ == "__main__":
    {"faces": check_faces, "model": check_model, "write": write}[sys.argv[1]](*sys.argv[2:])
