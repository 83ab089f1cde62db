#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what diptych needs on Debian 12+ or Ubuntu 22.04+, by package name. Says what it installs; does nothing when
# all is there. Sourced or run by demo.sh and test.sh.
#   DIPTYCH_SKIP_SETUP=1  trust what is installed
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

packages=(
  g++ ninja-build cmake pkg-config ccache        # build
  libopencv-dev libjpeg-dev libdlib-dev libdlib-data # pictures, face detection and landmarks
  libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libexempi-dev # video, labels
  libsqlite3-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libstb-dev
  libonnx-dev libprotobuf-dev                    # models for DeepFaceLive
  libdnnl-dev ocl-icd-opencl-dev                 # oneDNN: convolution and matmul on the CPU; it asks CMake for OpenCL
  libgtest-dev libbenchmark-dev                  # tests, benchmarks
)

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

install_packages() {
  local missing=()
  for package in "${packages[@]}" "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return
  fi
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    sudo="sudo"
    command -v sudo >/dev/null || { echo "setup: root rights are needed to install: ${missing[*]}" >&2; exit 1; }
  fi
  echo "setup: installing with apt: ${missing[*]}"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Ubuntu 22.04 has CMake 3.22; the presets need 3.25. A private copy from PyPI serves.
find_cmake() {
  local have
  have="$(cmake --version 2>/dev/null | sed -n 's/^cmake version \([0-9.]*\).*/\1/p' || true)"
  if [ -n "$have" ] && version_at_least "$have" 3.25; then
    return
  fi
  if [ ! -x "$root/.venv/bin/cmake" ]; then
    echo "setup: cmake ${have:-missing} is below 3.25, installing one into .venv with pip"
    install_packages python3-venv
    python3 -m venv "$root/.venv"
    "$root/.venv/bin/pip" install -q 'cmake>=3.25'
  fi
  export PATH="$root/.venv/bin:$PATH"
}

# Sets DIPTYCH_TEST_PYTHON: a Python in .venv with what tests compare with. Tests that miss it are skipped and say so.
find_test_python() {
  if [ -z "${DIPTYCH_TEST_PYTHON:-}" ]; then
    DIPTYCH_TEST_PYTHON="$root/.venv/test/bin/python"
    if ! "$DIPTYCH_TEST_PYTHON" -c 'import numpy, onnx, onnxruntime, safetensors, tensorboard' >/dev/null 2>&1; then
      echo "setup: installing numpy, onnx, onnxruntime, safetensors and tensorboard into .venv/test with pip, for tests"
      install_packages python3-venv
      python3 -m venv "$root/.venv/test"
      "$root/.venv/test/bin/pip" install -q numpy onnx onnxruntime safetensors tensorboard || return 1
    fi
  fi
  export DIPTYCH_TEST_PYTHON
}

# Sets NVCC: the toolkit's compiler, or the one from PyPI's wheels, in .venv: enough to compile kernels, without a
# driver, a GPU or NVIDIA's package source. docs/registers.md is made by this version. Returns 1, having said why, where
# neither can be had.
find_nvcc() {
  NVCC="${NVCC:-$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)}"
  if [ -z "$NVCC" ]; then
    NVCC="$root/.venv/cuda/nvidia/cu13/bin/nvcc"
    if [ ! -x "$NVCC" ]; then
      echo "setup: no nvcc, installing one into .venv with pip"
      install_packages python3-venv
      [ -x "$root/.venv/bin/pip" ] || python3 -m venv "$root/.venv"
      "$root/.venv/bin/pip" install -q --target "$root/.venv/cuda" nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 \
        nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.88 nvidia-cuda-cccl==13.0.85 || true
    fi
  fi
  export NVCC
  if ! "$NVCC" --version >/dev/null 2>&1; then
    echo "setup: no nvcc on the PATH or in /usr/local/cuda, and PyPI's does not run here" >&2
    return 1
  fi
}

if [ "${DIPTYCH_SKIP_SETUP:-0}" != 1 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "setup: this script knows apt (Debian, Ubuntu). Install the equivalents of: ${packages[*]}" >&2
    echo "setup: then run again with DIPTYCH_SKIP_SETUP=1" >&2
    exit 1
  fi
  install_packages
  find_cmake
fi
