# SPDX-License-Identifier: MIT
# The kernel emulator and its tests. A .cu file is compiled as C++ and linked with the emulator
# (kernels/common/simt), in three flavours of one test:
#   plain   three schedules: threads in order, and two random orders; the kernels are those of diptych_kernels
#   asan    AddressSanitizer and UndefinedBehaviorSanitizer
#   check   races, bounds, initialisation: kernels are compiled with -fsanitize=thread, but linked with
#           our checker instead of libtsan
set(DIPTYCH_SIM_FLAVOURS plain asan check CACHE STRING "Flavours of the sim tests")
set(diptych_sim_flavours ${DIPTYCH_SIM_FLAVOURS})
if(DIPTYCH_SANITIZE)  # everything is sanitized already: plain is asan, and the checker cannot be sanitized
  set(diptych_sim_flavours plain)
endif()
if(DIPTYCH_CUDA STREQUAL ON)  # the same tests run on a GPU
  set(diptych_sim_flavours "")
endif()
set(diptych_sim_flags_plain -O2 -g1 ${diptych_test_flags})
set(diptych_sim_flags_asan -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
# GCC 12 sees overlaps and overruns in std::vector once -fsanitize=thread has been at it
set(diptych_sim_flags_check -O1 -g1 -fno-omit-frame-pointer -Wno-array-bounds -Wno-stringop-overflow)
set(diptych_sim_flags_step -O0 -g)  # for a debugger: scripts/gdb/step_kernel.sh; built on demand, not a test

# diptych_sim_flavour(TARGET FLAVOUR): compiles and links the target as the flavour wants.
function(diptych_sim_flavour target flavour)
  target_compile_options(${target} PRIVATE ${diptych_sim_flags_${flavour}})
  if(flavour STREQUAL asan)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  elseif(flavour STREQUAL check)
    target_compile_definitions(${target} PRIVATE DIPTYCH_SIMT_CHECK=1)
    set_target_properties(${target} PROPERTIES DIPTYCH_SIMT_CHECK ON)
  endif()
endfunction()

# diptych_sim_sources(FILES...): .cu files of the calling folder, to be compiled as C++. Kernels, and nothing
# else, are watched by the checker.
function(diptych_sim_sources)
  foreach(source ${ARGN})
    if(source MATCHES "\\.cu$")
      set(checked "$<BOOL:$<TARGET_PROPERTY:DIPTYCH_SIMT_CHECK>>")
      set_source_files_properties(${source} PROPERTIES LANGUAGE CXX
        COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas;$<${checked}:-fsanitize=thread>")
    endif()
  endforeach()
endfunction()

# Notes the test for a build with a GPU's compiler (kernels/common/cuda/CMakeLists.txt): kernels of ops, and the
# test's own files. ON_EMULATOR_ONLY tests are about the emulator itself.
macro(diptych_sim_remember name)
  if(NOT T_ON_EMULATOR_ONLY)
    set(own "")
    foreach(source ${T_SOURCES})
      get_filename_component(path ${source} ABSOLUTE)
      if(NOT path MATCHES "/kernels/.*\\.cu$")  # those are in diptych_kernels
        list(APPEND own ${path})
      endif()
    endforeach()
    set_property(GLOBAL APPEND PROPERTY diptych_sim_tests ${name})
    set_property(GLOBAL PROPERTY diptych_sim_${name}_sources ${own})
    set_property(GLOBAL PROPERTY diptych_sim_${name}_libs ${T_LIBS})
  endif()
endmacro()

# diptych_sim_link(TARGET FLAVOUR FILES...): what a test of this flavour links: the emulator and all kernels of the sim tests,
# each compiled once per flavour. FILES are those that this test is about.
function(diptych_sim_link target flavour)
  if(NOT flavour STREQUAL plain)  # those are in diptych_kernels, which test_support brings
    set(kernels diptych_sim_kernels_${flavour})
    if(NOT TARGET ${kernels})
      add_library(${kernels} STATIC EXCLUDE_FROM_ALL)
      diptych_sim_flavour(${kernels} ${flavour})
      target_link_libraries(${kernels} PUBLIC diptych_simt_${flavour})
    endif()
    foreach(file ${ARGN})
      get_filename_component(path ${file} ABSOLUTE)
      get_target_property(there ${kernels} SOURCES)
      if(NOT path IN_LIST there)
        target_sources(${kernels} PRIVATE ${path})
      endif()
    endforeach()
    target_link_libraries(${target} PRIVATE ${kernels} diptych_simt_${flavour})
  endif()
  target_link_libraries(${target} PRIVATE ${T_LIBS} diptych_test_support)
endfunction()

# diptych_sim_test(NAME [ON_EMULATOR_ONLY] SOURCES ... [LIBS ...] [SEEDS ...]): one GoogleTest binary per
# flavour, each a CTest entry labelled sim (the plain one once per seed).
function(diptych_sim_test name)
  cmake_parse_arguments(T ON_EMULATOR_ONLY "" "SOURCES;LIBS;SEEDS" ${ARGN})
  if(NOT DEFINED T_SEEDS)
    set(T_SEEDS 0 1 2)
  endif()
  if(DIPTYCH_SANITIZE)  # as the flavour asan
    set(T_SEEDS 0)
  endif()
  diptych_sim_remember(${name})
  if(NOT diptych_sim_flavours)
    return()
  endif()
  diptych_sim_sources(${T_SOURCES})
  set(kernels ${T_SOURCES})
  list(FILTER kernels INCLUDE REGEX "/kernels/.*\\.cu$")
  set(own ${T_SOURCES})
  list(FILTER own EXCLUDE REGEX "/kernels/.*\\.cu$")
  foreach(flavour ${diptych_sim_flavours})
    set(target ${name}_sim_${flavour})
    add_executable(${target} ${own})
    diptych_sim_flavour(${target} ${flavour})
    if(flavour STREQUAL asan)
      target_compile_options(${target} PRIVATE -O0)  # the test's own files: half the time to compile
    endif()
    diptych_sim_link(${target} ${flavour} ${kernels})
    add_dependencies(diptych_sim ${target})
    set(seeds 0)
    if(flavour STREQUAL plain)
      set(seeds ${T_SEEDS})
    endif()
    foreach(seed ${seeds})
      set(test sim/${name}/${flavour})
      if(seed)
        string(APPEND test _seed${seed})
      endif()
      add_test(NAME ${test} COMMAND ${target} --gtest_brief=1)
      set(environment DIPTYCH_SIMT_SEED=${seed} OMP_NUM_THREADS=1)
      if(flavour STREQUAL plain AND NOT seed)  # for the table of registers and shared memory
        list(APPEND environment DIPTYCH_SIM_LAUNCHES=${CMAKE_BINARY_DIR}/sim_launches/${name}.txt)
      endif()
      set_tests_properties(${test} PROPERTIES LABELS sim TIMEOUT 300 ENVIRONMENT "${environment}")
    endforeach()
  endforeach()
  add_executable(${name}_sim_step EXCLUDE_FROM_ALL ${T_SOURCES})
  diptych_sim_flavour(${name}_sim_step step)
  target_link_libraries(${name}_sim_step PRIVATE diptych_simt_step ${T_LIBS} diptych_test_support)
endfunction()

if(DIPTYCH_TESTS)
  add_custom_target(diptych_sim)  # all sim tests
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/sim_launches)  # what the kernels were launched with
  add_subdirectory(${CMAKE_SOURCE_DIR}/kernels/common/simt)
  add_subdirectory(${CMAKE_SOURCE_DIR}/tests/sim)
endif()
if(DIPTYCH_TESTS AND DIPTYCH_CUDA STREQUAL ON)
  add_subdirectory(${CMAKE_SOURCE_DIR}/kernels/common/cuda)
endif()
