#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the fixtures of the adversarial and style terms, in double, with PyTorch.

    python3 make_adversarial.py saehd_torch.py ours df-ud-adversarial.safetensors
    python3 make_adversarial.py saehd_torch.py dfl liae-adversarial-dfl.safetensors

Networks, DSSIM, blur and optimizers are those of the PyTorch peer; the terms of spec training.md 4.2 and 4.6 to 4.8
stand here. "ours" has the rules this project trains with by default, "dfl" the original's.
Kept: starting weights, losses, gradients of generator and discriminators, losses and weights of three steps.
"""
import importlib.util
import json
import os
import struct
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CASES = {
    "ours": dict(args="--arch df-ud --res 64 --ae 8 --e 2 --d 2 --dm 2 --batch 2 --eyes-mouth --gan 0.5 --gan-patch 8 "
                      "--gan-dims 4", true_face=0.3, face_style=3.0, bg_style=4.0, blur_out=False, kind="adabelief"),
    "dfl": dict(args="--arch liae --res 64 --ae 4 --e 2 --d 2 --dm 2 --batch 2 --gan 0.5 --gan-patch 16 --gan-dims 4",
                true_face=0.0, face_style=3.0, bg_style=4.0, blur_out=True, kind="rmsprop"),
}


class CodeD(nn.Module):
    def __init__(self, peer, ch, side):
        super().__init__()
        self.convs = nn.ModuleList()
        for i in range(1 + side // 8):
            out = 256 * min(2 ** i, 8)
            self.convs.append(peer.Conv(ch, out, 4 if i == 0 else 3, 2, "sym"))
            ch = out
        self.out_conv = peer.Conv(ch, 1, 1, valid=True)

    def forward(self, x):
        for c in self.convs:
            x = F.leaky_relu(c(x), 0.1)
        return self.out_conv(x)


class Step:
    def __init__(self, peer, cfg, case, dfl):
        self.peer, self.cfg, self.case, self.dfl = peer, cfg, case, dfl
        self.G, self.D = peer.SAEHD(cfg), peer.UNetPatchD(cfg.gan_patch, cfg.gan_dims, cfg.pad)
        self.C = CodeD(peer, cfg.ae, cfg.low if cfg.t else 2 * cfg.low) if case["true_face"] > 0 else None
        self.L = peer.Losses(cfg, "matmul").double()
        r = cfg.res
        self.style_blur = self.window(r // 8)
        self.out_blur = self.window(r / 128)
        self.seed = 1
        self.nets = [("", self.G), ("GAN", self.D)] + ([("code_discriminator", self.C)] if self.C else [])
        for _, net in self.nets:
            net.double()
            for p in net.parameters():
                p.data = self.fill(p)

    def window(self, sigma):
        k = self.peer.gauss_blur_kernel(float(sigma))
        return self.peer.Window(self.cfg.res, k, len(k) // 2, "matmul").double()

    def fill(self, p):
        u = self.peer.hash_uniform(self.seed, p.numel()).reshape(p.shape)
        self.seed += 1
        s = np.sqrt(6.0 / np.prod(p.shape[1:])) if p.dim() > 1 else 0.1
        return torch.tensor(((2 * u - 1) * s).astype(np.float32).astype(np.float64))

    def inside(self, blur, like):
        """what the blur's window sums to: 1 by the original's rule"""
        return torch.ones_like(like) if self.dfl else blur(torch.ones_like(like))

    def soft(self, m):
        return (self.L.blur(m) / self.inside(self.L.blur, m)).clamp(0, 0.5) * 2

    def target(self, t, m):
        if not self.case["blur_out"]:
            return t
        d = self.inside(self.out_blur, m) - self.out_blur(m)
        return t * m + self.out_blur(t * (1 - m)) / torch.where(d == 0, torch.ones_like(d), d) * (1 - m)

    def codes(self, x):
        f = self.G.encoder(x)
        if self.cfg.kind == "df":
            return self.G.inter(f)
        return self.G.inter_AB(f), self.G.inter_B(f)

    def reconstruct(self, ws, wd):
        """src, mask, dst, mask, code of the swap, codes of src and dst (df)"""
        if self.cfg.kind == "df":
            zs, zd = self.codes(ws), self.codes(wd)
            return self.G.decoder_src(zs) + self.G.decoder_dst(zd) + (zd, zs, zd)
        (abs_, _), (abd, b) = self.codes(ws), self.codes(wd)
        out = self.G.decoder(torch.cat([abs_, abs_], 1)) + self.G.decoder(torch.cat([b, abd], 1))
        return out + (torch.cat([abd, abd], 1), None, None)

    def swap(self, code):
        return (self.G.decoder_src if self.cfg.kind == "df" else self.G.decoder)(code)

    def side(self, t, p, m, pm, em):
        cfg, soft = self.cfg, self.soft(m)
        tm, p_m = t * soft, p * soft
        loss = 10 * self.peer.dssim(tm, p_m, self.L.wins[0]).mean(1) + 10 * (tm - p_m).square().mean((1, 2, 3))
        if cfg.eyes_mouth:
            loss = loss + 300 * ((t - p) * em).abs().mean((1, 2, 3))
        return loss + 10 * (m - pm).square().mean((1, 2, 3)), tm, p_m, soft

    def style(self, t, s, weight):
        t, s = self.style_blur(t), self.style_blur(s)
        sd = lambda x: (x.var((2, 3), unbiased=False) + 1e-5).sqrt()
        mean = lambda x: x.mean((2, 3))
        return weight / 3 * ((mean(t) - mean(s)).square() + (sd(t) - sd(s)).square()).sum(1)

    def style_terms(self, code, dst, dst_mask, dst_target, soft_src):
        face, mask = self.swap(code.detach())
        mask = mask.detach()
        loss = self.style(face * mask, (dst * dst_mask).detach(), 100 * self.case["face_style"])
        swapped = self.swap(code)[0]
        away = 1 - soft_src.clamp(0, 1) if self.dfl else 1 - self.L.blur(mask * dst_mask.detach())
        a, b = dst_target * away, swapped * away
        return loss + self.case["bg_style"] / 10 * (self.peer.dssim(a, b, self.L.wins[0]).mean(1)
                                                    + (a - b).square().mean((1, 2, 3)))

    def variation(self, x):
        rows = (x[:, :, 1:] - x[:, :, :-1]).square().sum((1, 2, 3))
        other = x[:, 1:] - x[:, :-1] if self.dfl else x[:, :, :, 1:] - x[:, :, :, :-1]
        return rows + other.square().sum((1, 2, 3))

    def generator(self, ws, wd, ts, td, ms, md, es, ed):
        bce = self.peer.bce
        ps, pms, pd, pmd, code, zs, zd = self.reconstruct(ws, wd)
        ts, td = self.target(ts, ms), self.target(td, md)
        ls, t, p, soft = self.side(ts, ps, ms, pms, es)
        ld = self.side(td, pd, md, pmd, ed)[0]
        ls = ls + self.style_terms(code, pd, pmd, td, soft)
        c, f = self.D(p)
        gan = bce(c, 1.0) + bce(f, 1.0)
        total = ls + ld + self.cfg.gan * gan + 1e-6 * self.variation(ps) \
            + 0.02 * ((1 - soft) * (ps - ts)).square().mean((1, 2, 3))
        seen = dict(t=t, p=p.detach(), soft=soft)
        values = {"src": ls, "dst": ld, "gan": gan}
        if self.C:
            values["true_face"] = bce(self.C(zs), 1.0)
            total = total + self.case["true_face"] * values["true_face"]
            seen.update(zs=zs.detach(), zd=zd.detach())
        return total.sum(), values, seen

    def look_again(self, ws, wd, seen):
        with torch.no_grad():
            out = self.reconstruct(ws, wd)
            seen["p"] = out[0] * seen["soft"]
        return seen

    def discriminators(self, seen):
        bce = self.peer.bce
        (rc, rf), (fc, ff) = self.D(seen["t"]), self.D(seen["p"])
        values = {"gan_discriminator": 0.5 * (bce(rc, 1.0) + bce(fc, 0.0) + bce(rf, 1.0) + bce(ff, 0.0))}
        if self.C:
            values["true_face_discriminator"] = 0.5 * (bce(self.C(seen["zd"]), 1.0) + bce(self.C(seen["zs"]), 0.0))
        return sum(v.sum() for v in values.values()), values


def make(peer, name, out):
    case = CASES[name]
    cfg = peer.parse(case["args"].split())
    cfg.masked = True
    step = Step(peer, cfg, case, name == "dfl")
    tensors = {}

    def save(key, value):
        a = value.detach().numpy() if torch.is_tensor(value) else np.asarray(value)
        tensors[key] = np.ascontiguousarray(a.astype("<f4"))

    r, b = cfg.res, cfg.batch
    data = []
    for i in range(8):
        c = 3 if i < 4 else 1
        u = peer.hash_uniform(1000 + i, b * c * r * r).reshape(b, c, r, r)
        if i >= 4:
            yy, xx = np.mgrid[0:r, 0:r] + 0.5
            rad = r * (0.4 - 0.03 * (i - 4))
            u = np.repeat((((yy - r / 2) ** 2 + (xx - r / 2) ** 2) < rad * rad).astype(np.float64)[None, None], b, 0)
        data.append(torch.tensor(u.astype(np.float32).astype(np.float64)))
    named = [(peer.tf_name(pre, n), q) for pre, net in step.nets for n, q in net.named_parameters()]
    for n, q in named:
        save("w0/" + n, peer.to_tf(n, q.detach().numpy()))
    gp = list(step.G.parameters())
    dp = [q for pre, net in step.nets if pre for q in net.parameters()]
    opts = [peer.Opt(list(net.parameters()), case["kind"], 5e-5) for _, net in step.nets]
    for it in range(1, 4):
        total, values, seen = step.generator(*data)
        grads = torch.autograd.grad(total, gp)
        opts[0].step(list(grads))
        if step.dfl:
            seen = step.look_again(data[0], data[1], seen)
        d_total, d_values, = step.discriminators(seen)
        d_grads = torch.autograd.grad(d_total, dp)
        k = 0
        for opt in opts[1:]:
            opt.step(list(d_grads[k:k + len(opt.p)]))
            k += len(opt.p)
        values.update(d_values)
        for key, v in values.items():
            save(f"train/{it}/{key}", v)
        if it == 1:
            for (n, _), g in zip(named, list(grads) + list(d_grads)):
                save("grad/" + n, peer.to_tf(n, g.numpy()))
    for n, q in named:
        save("train/3/w/" + n, peer.to_tf(n, q.detach().numpy()))

    meta = dict(arch=cfg.arch, res=cfg.res, ae=cfg.ae, e=cfg.e, d=cfg.d, dm=cfg.dm, batch=cfg.batch, rules=name,
                eyes_mouth=cfg.eyes_mouth, gan=cfg.gan, gan_patch=cfg.gan_patch, gan_dims=cfg.gan_dims,
                true_face=case["true_face"], face_style=case["face_style"], bg_style=case["bg_style"],
                blur_out=case["blur_out"], optimizer=case["kind"])
    header, blobs, offset = {"__metadata__": {k: str(v) for k, v in meta.items()}}, [], 0
    for key in sorted(tensors):
        blob = tensors[key].tobytes()
        header[key] = {"dtype": "F32", "shape": list(tensors[key].shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(out, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(out, os.path.getsize(out), "bytes", {k: [round(float(x.detach()), 4) for x in v] for k, v in values.items()})


def main():
    path, name, out = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("peer", path)
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    torch.set_num_threads(2)
    make(peer, name, out)


if __name__ == "__main__":
    main()
