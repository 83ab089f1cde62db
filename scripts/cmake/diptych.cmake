# SPDX-License-Identifier: MIT
# Functions every folder's CMakeLists.txt uses. Sources are listed where they live; nothing is globbed.

# Instrumented tests take half the time to compile without optimisation. What they test is compiled as ever.
set(diptych_test_flags "")
if(DIPTYCH_SANITIZE)
  set(diptych_test_flags -O0)
endif()

# diptych_test(NAME SOURCES... [LIBS ...] [LABELS ...]): one GoogleTest binary, each case a CTest entry.
function(diptych_test name)
  if(NOT DIPTYCH_TESTS)
    return()
  endif()
  cmake_parse_arguments(T "" "" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT T_LABELS)
    set(T_LABELS cpu)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_compile_options(${name} PRIVATE ${diptych_test_flags})
  target_link_libraries(${name} PRIVATE ${T_LIBS} diptych_test_support)
  gtest_discover_tests(${name} TEST_PREFIX "${name}/" DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${T_LABELS}" TIMEOUT 600
                                  ENVIRONMENT "OMP_WAIT_POLICY=passive")
endfunction()

# diptych_op(NAME SOURCES ... [CUDA ...] [TEST ...] [BENCH ...]): one op folder under kernels/. CUDA lists its .cu files:
# compiled by nvcc with DIPTYCH_CUDA=ON, else as C++ for the emulator.
function(diptych_op name)
  cmake_parse_arguments(O "" "" "SOURCES;CUDA;TEST;BENCH" ${ARGN})
  target_sources(diptych_kernels PRIVATE ${O_SOURCES})
  diptych_device_sources(${O_CUDA})
  if(O_TEST)
    diptych_test(${name}_test SOURCES ${O_TEST} LIBS diptych_kernels)
  endif()
  if(O_BENCH AND DIPTYCH_BENCH)
    add_executable(${name}_bench ${O_BENCH})
    target_link_libraries(${name}_bench PRIVATE diptych_kernels benchmark::benchmark)
  endif()
endfunction()

# diptych_device_sources(FILES.cu...): kernels of the calling folder that become part of diptych_kernels.
function(diptych_device_sources)
  if(NOT ARGN)
    return()
  endif()
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  target_sources(diptych_kernels PRIVATE ${files})
  if(NOT DIPTYCH_CUDA STREQUAL ON)
    set_source_files_properties(${files} TARGET_DIRECTORY diptych_kernels PROPERTIES
      LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas")
  endif()
endfunction()
