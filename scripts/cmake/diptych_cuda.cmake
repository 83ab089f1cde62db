# SPDX-License-Identifier: MIT
# DIPTYCH_CUDA: AUTO looks for nvcc, never for a GPU, and leaves the CPU build as it is: it only adds the target
# cuda_compile, which compiles every kernel for every chip. ON builds the kernels with nvcc into the library
# diptych_cuda, and the sim tests once more for a GPU, labelled cuda. OFF does nothing.
set(DIPTYCH_CUDA AUTO CACHE STRING "Kernels for NVIDIA GPUs: AUTO (compile proof when nvcc is there), ON, OFF")
set_property(CACHE DIPTYCH_CUDA PROPERTY STRINGS AUTO ON OFF)

if(NOT DIPTYCH_CUDA STREQUAL OFF)
  find_program(DIPTYCH_NVCC nvcc HINTS ENV CUDACXX PATHS /usr/local/cuda/bin)
endif()
if(DIPTYCH_CUDA STREQUAL ON AND NOT DIPTYCH_NVCC)
  message(FATAL_ERROR "DIPTYCH_CUDA=ON: no nvcc found; install a CUDA toolkit, put nvcc on the PATH, or use AUTO")
endif()
if(DIPTYCH_NVCC AND NOT DIPTYCH_CUDA STREQUAL OFF)
  add_custom_target(cuda_compile
    COMMAND ${CMAKE_COMMAND} -E env NVCC=${DIPTYCH_NVCC} ${CMAKE_SOURCE_DIR}/scripts/cuda_compile.sh
    USES_TERMINAL COMMENT "Compiling every kernel with nvcc")
endif()
if(DIPTYCH_CUDA STREQUAL ON)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 90a-real)
  endif()
  set(CMAKE_CUDA_COMPILER ${DIPTYCH_NVCC})
  enable_language(CUDA)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # CMake 3.25 does not know that nvcc has it
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
  find_package(CUDAToolkit REQUIRED)
endif()
message(STATUS "diptych: CUDA ${DIPTYCH_CUDA}, nvcc ${DIPTYCH_NVCC}")
