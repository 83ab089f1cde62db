#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a large faceset.pak as DeepFaceLab would, by repeating a few aligned faces under other frame numbers:

  make_pak.py FOLDER COUNT OUT.pak      FOLDER: aligned .jpg files named WORD_NNNNN_0.jpg, for example those of the fixtures
"""
import enum
import io
import os
import pickle
import re
import struct
import sys
import types


class FaceType(enum.IntEnum):
    FULL = 2
    WHOLE_FACE = 4
    HEAD = 10


class SampleType(enum.IntEnum):
    FACE = 1


for module, name, member in (("facelib.FaceType", "FaceType", FaceType), ("samplelib.Sample", "SampleType", SampleType)):
    parent = sys.modules.setdefault(module.split(".")[0], types.ModuleType(module.split(".")[0]))
    sys.modules[module] = types.ModuleType(module)
    setattr(sys.modules[module], name, member)
    setattr(parent, name, sys.modules[module])
    member.__module__ = module
    member.__reduce_ex__ = lambda self, protocol: (type(self), (self.value,))  # as Python before 3.11 wrote them


class Passed:
    """Stands for NumPy's arrays and types, which are not needed here."""

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        pass


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if module.split(".")[0] == "numpy":
            return Passed
        raise pickle.UnpicklingError("%s.%s has no place in an aligned face" % (module, name))


def segment(jpeg):
    at = 2
    while jpeg[at + 1] != 0xDA:
        size = struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        if jpeg[at + 1] == 0xEF:
            return jpeg[at + 4:at + 2 + size]
        at += 2 + size
    raise SystemExit("make_pak: a file without metadata")


def main(folder, count, out):
    faces = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            jpeg = f.read()
        faces.append((name, jpeg, Reader(io.BytesIO(segment(jpeg))).load()))
    configs, pictures = [], []
    for i in range(count):
        name, jpeg, metadata = faces[i % len(faces)]
        source = metadata["source_filename"]
        renamed = re.sub(r"\d{5}", "%05d" % (i + 1), source)  # of the same length, so the JPEG stays whole
        pictures.append(jpeg.replace(source.encode(), renamed.encode()))
        kinds = {"full_face": FaceType.FULL, "whole_face": FaceType.WHOLE_FACE, "head": FaceType.HEAD}
        configs.append({
            "sample_type": SampleType.FACE, "filename": re.sub(r"\d{5}", "%05d" % (i + 1), name),
            "face_type": kinds[metadata["face_type"]], "shape": (512, 512, 3), "landmarks": metadata["landmarks"],
            "seg_ie_polys": {"polys": []}, "xseg_mask": None, "xseg_mask_compressed": None,
            "eyebrows_expand_mod": 1.0, "source_filename": renamed, "person_name": None})
    listed = pickle.dumps(configs, 4)
    head = 16 + len(listed) + 8 * (count + 1)
    with open(out, "wb") as f:
        f.write(struct.pack("<QQ", 1, len(listed)) + listed)
        at = 0
        for jpeg in pictures:
            f.write(struct.pack("<Q", at))
            at += len(jpeg)
        f.write(struct.pack("<Q", head + at))  # the original counts the last one from the start of the file
        for jpeg in pictures:
            f.write(jpeg)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
